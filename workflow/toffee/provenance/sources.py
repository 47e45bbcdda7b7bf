"""Folders from elsewhere, photographs for instance: what a job read of them, and whether they
changed since.

To hash a large folder whenever a run is planned would take too long. So names, sizes and times of
its files are compared first, and only files that differ in these are read.
"""

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from toffee.provenance.digests import describe, known_of, producer, read_json, summary
from toffee.provenance.listing import Listing, listing_path, walk, with_listing
from toffee.provenance.paths import RECORDS, SOURCES
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.runtime.project import PROJECT

LARGEST = 1 << 33
"""Bytes of a source that is read once more when it was imported (8 GiB): a minute or two."""


SYSTEM = (Path("/proc"), Path("/sys"))


def refuse_system(path: str | Path) -> None:
    """Raise ToffeeError where a folder is no source but (nearly) all of this machine: to read `/`
    takes hours."""
    place = Path(path).resolve()
    if PROJECT.is_relative_to(place) or any(place.is_relative_to(one) for one in SYSTEM):
        found = "the system's own, or one that holds this checkout"
        raise ToffeeError(f"{path}: expected a folder of a source, found {found}")


def describe_input(path: str, root: str) -> dict[str, Any]:
    """What a job has read: sha256, size, and `record`, the digest of the record of the job that
    wrote it, where there is one.

    Below `root` that record also says what did not change since; folders from elsewhere are read
    once and remembered.
    """
    record = producer(path, root)
    if record is not None:
        found = summary(path, known_of(record, path, root)) | {"record": record["sha256"]}
    else:
        own = Path(path).is_relative_to(root) or not Path(path).is_dir()
        found = summary(path) if own else describe_source(path, root)
    return {key: found[key] for key in ("sha256", "size", "record") if key in found}


def describe_source(path: str, root: str | Path) -> dict[str, Any]:
    """What a folder from elsewhere is (see `describe`), remembered below a results folder."""
    memory = _memory(path, root)
    known = read_json(memory) if memory.is_file() else None
    found = describe(path, _whole(known, memory), listing=listing_path(memory))
    same = known is not None and known["sha256"] == found["sha256"]
    found["fingerprint"] = (known or {}).get("fingerprint") if same else None
    found["fingerprint"] = found["fingerprint"] or stat_digest(path)
    if found != known:
        write_text(memory, json.dumps(found, indent=1) + "\n")
    return found


def remember_source(path: str | Path, out: str | Path) -> None:
    """Remember what a source was when a job read it that lists it itself, as an import does: new
    times of its files alone are no change then.

    A source of more than `LARGEST` bytes is not read once more for that.

    Args:
        path: the source.
        out: what the job made, below a results folder; elsewhere nothing is remembered.
    """
    root = next((str(one) for one in Path(out).parents if (one / RECORDS).is_dir()), None)
    try:
        if root is not None and os.path.isdir(path) and _size(path) <= LARGEST:
            describe_source(str(path), root)
    except ToffeeError:
        pass  # it holds a pipe or the like: its times count alone


def _size(path: str | Path) -> int:
    places = (os.path.join(path, name) for name in walk(path, links=False))
    return sum(os.lstat(place).st_size for place in places)


@cache
def fingerprint(path: str, root: str) -> str | None:
    """Digest that changes when a file or folder from elsewhere does, for a rule's params.

    It is made of names, sizes and times; where jobs below `root` have read the folder and its
    content is still the same, it stays what it was then. None where there is no such path.

    Raises:
        ToffeeError: it cannot be read, or is no source.
    """
    if not os.path.exists(path):
        return None
    refuse_system(path)
    now, memory = stat_digest(path), _memory(path, root)
    known = read_json(memory) if memory.is_file() else {}
    if known.get("fingerprint") in (None, now):
        return now
    try:
        same = summary(path, _whole(known, memory))["sha256"] == known["sha256"]
    except ToffeeError:
        return now  # something is there now that has no content
    return str(known["fingerprint"]) if same else now


def stat_digest(path: str | Path) -> str:
    """SHA-256 of the names, sizes and times of a folder's files, or of one file's.

    Raises:
        ToffeeError: a file cannot be looked at.
    """
    digest = hashlib.sha256()
    # Links to folders are not followed: who reads sources does not follow them either.
    for name in walk(path, links=False) if os.path.isdir(path) else [""]:
        place = os.path.join(path, name) if name else path
        try:
            status = os.stat(place)
        except OSError:
            try:
                status = os.lstat(place)  # a link that leads nowhere
            except OSError as error:
                raise ToffeeError(f"cannot read {place}: {error.strerror}") from error
        digest.update(f"{status.st_size} {status.st_mtime_ns} ".encode())
        digest.update(os.fsencode(name) + b"\0")
    return digest.hexdigest()


def _memory(path: str, root: str | Path) -> Path:
    place = hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:12]
    return Path(root, RECORDS, SOURCES, f"{Path(path).name}-{place}.json")


def _whole(known: dict[str, Any] | None, memory: Path) -> dict[str, Any]:
    """What is remembered; nothing while another job is just writing it."""
    before = dict(with_listing(known or {}, memory))
    is_listing = isinstance(before.get("files"), Listing)
    return {} if is_listing and not before["files"].is_whole() else before
