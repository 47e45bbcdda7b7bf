"""SHA-256 of files and folders, without reading twice what is known already.

A file that has the size and the time of change that its digest was taken with is taken to be the
same: enough to note what a job read. The audit does not: it reads every byte.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toffee.provenance.listing import Entry, keep, lookup, walk, with_listing
from toffee.provenance.paths import RECORDS, record_path
from toffee.provenance.reroot import rerooted_record
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest, open_file

LARGEST_JSON = 32 * 2**20
"""Bytes. A record that lists 10,000 files has 2 MB."""

Identity = tuple[int, int, int, int]
"""What tells a file from all others, whatever its name: device, inode, size, time of change."""


def describe(
    path: str | Path,
    known: Mapping[str, Any] | None = None,
    linked: Mapping[Identity, str] | None = None,
    listing: Path | None = None,
) -> dict[str, Any]:
    """What a file or folder is.

    Args:
        path: file or folder.
        known: an earlier description (see `with_listing`); what did not change since is not read
            again.
        linked: SHA-256 of files that may stand here under a second name (see `identities`), which
            are not read again either.
        listing: where the files of a folder are listed if they are many: `files` is the SHA-256 of
            that table then (see `toffee.provenance.listing`). By default they never are.

    Returns:
        Of a file sha256, size (bytes) and mtime_ns. Of a folder sha256 (see `tree_digest`), size
        (all files) and files: description by path inside the folder.

    Raises:
        ToffeeError: it cannot be read.
    """
    known, linked = known or {}, linked or {}
    if not os.path.isdir(path):
        return _describe_file(path, known, linked)
    tree = _Tree()
    found = tree.passing(_entries(path, known, linked))
    files = dict(found) if listing is None else keep(found, listing)
    return tree.summary() | {"files": files}


def summary(path: str | Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """SHA-256 and size of a file or folder, as in `describe`, without a list of files."""
    if not os.path.isdir(path):
        return _describe_file(path, known or {}, {})
    tree = _Tree()
    for _ in tree.passing(_entries(path, known or {}, {})):
        pass
    return tree.summary()


def identities(read: Mapping[str, Mapping[str, Any]]) -> dict[Identity, str]:
    """SHA-256 of files that were read (path → description), by identity; folders are left out."""
    places = ((Path(path), found["sha256"]) for path, found in read.items())
    return {_identity(path.stat()): sha256 for path, sha256 in places if path.is_file()}


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file or folder (see `describe`), from the record of the job that wrote it where
    there is one in a results folder above it and nothing changed since."""
    for root in Path(path).parents:
        if (root / RECORDS).is_dir():
            record = producer(str(path), root)
            return summary(path, known_of(record, str(path), root))["sha256"]
    return summary(path)["sha256"]


def tree_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """SHA-256 of a folder: of the lines that `sha256sum` prints of its files, sorted by path."""
    lines = (f"{files[name]['sha256']}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def producer(path: str, root: str | Path) -> dict[str, Any] | None:
    """The record of the job that wrote a file or folder below `root`; None where there is none."""
    if not Path(path).is_relative_to(root):
        return None
    record = record_path(root, path)
    if not record.is_file():
        return None
    content = read_json(record)
    if "see" in content:
        record = Path(root, RECORDS, content["see"])
        if not record.is_file():
            return None
        content = read_json(record)
    return rerooted_record(content, str(root))


def known_of(
    record: Mapping[str, Any] | None, path: str, root: str | Path
) -> dict[str, Any] | None:
    """What the record of its job says of a file or folder."""
    made = record["outputs"].get(path) if record else None
    return None if made is None else with_listing(made, record_path(root, path))


def read_json(path: str | Path) -> Any:
    """A JSON file. Raises ToffeeError that names the file."""
    return parse_json(read_text(path), path)


def read_text(path: str | Path) -> str:
    """The text of a small file. Raises ToffeeError that names the file."""
    with open_file(path) as file:
        data = file.read(LARGEST_JSON + 1)
    if len(data) > LARGEST_JSON:
        raise ToffeeError(f"{path}: more than {LARGEST_JSON // 2**20} MB, expected a small file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToffeeError(f"{path}: not UTF-8 ({error})") from error


def parse_json(text: str, path: str | Path) -> Any:
    """What a JSON text says. Raises ToffeeError that names its file."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ToffeeError(f"{path}: not valid JSON (nested too deeply)") from error
    except ValueError as error:
        raise ToffeeError(f"{path}: not valid JSON ({error})") from error


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class _Tree:
    """Digest (see `tree_digest`) and size of a folder, of files that come sorted by path."""

    def __init__(self) -> None:
        self._digest, self._size = hashlib.sha256(), 0

    def passing(self, items: Iterator[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        for name, entry in items:
            self._digest.update(f"{entry['sha256']}  {name}\n".encode())
            self._size += entry["size"]
            yield name, entry

    def summary(self) -> dict[str, Any]:
        return {"sha256": self._digest.hexdigest(), "size": self._size}


def _entries(
    folder: str | Path, known: Mapping[str, Any], linked: Mapping[Identity, str]
) -> Iterator[tuple[str, Entry]]:
    """The files of a folder, sorted by path."""
    before = lookup(known.get("files"))
    for name in walk(folder):
        yield name, _describe_file(f"{folder}/{name}", before.get(name) or {}, linked)


def _describe_file(
    path: str | Path, known: Mapping[str, Any], linked: Mapping[Identity, str]
) -> dict[str, Any]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise ToffeeError(f"cannot read {path}: {error.strerror}") from error
    stamp = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if all(known.get(key) == value for key, value in stamp.items()):
        return {"sha256": known["sha256"]} | stamp
    return {"sha256": linked.get(_identity(status)) or file_digest(path)} | stamp
