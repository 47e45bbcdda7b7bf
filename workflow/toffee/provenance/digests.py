"""SHA-256 of files and folders, without reading twice what is known already.

A file that has the size and the time of change that its digest was taken with is taken to be the
same: enough to note what a job read. The audit does not: it reads every byte.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toffee.errors import ToffeeError
from toffee.files import file_digest, write_text
from toffee.provenance.paths import RECORDS, SOURCES, record_path

Identity = tuple[int, int, int, int]
"""What tells a file from all others, whatever its name: device, inode, size, time of change."""


def describe(
    path: str | Path,
    known: Mapping[str, Any] | None = None,
    linked: Mapping[Identity, str] | None = None,
) -> dict[str, Any]:
    """What a file or folder is.

    Args:
        path: file or folder.
        known: an earlier description; what did not change since is not read again.
        linked: SHA-256 of files that may stand here under a second name (see `identities`), which
            are not read again either.

    Returns:
        Of a file sha256, size (bytes) and mtime_ns. Of a folder sha256 (see `tree_digest`), size
        (all files) and files: description by path inside the folder.

    Raises:
        ToffeeError: it cannot be read.
    """
    path, known, linked = Path(path), known or {}, linked or {}
    if not path.is_dir():
        return _describe_file(path, known, linked)
    before = known.get("files", {})
    files = {
        name: _describe_file(path / name, before.get(name, {}), linked)
        for name in sorted(_walk(path))
    }
    size = sum(entry["size"] for entry in files.values())
    return {"sha256": tree_digest(files), "size": size, "files": files}


def identities(read: Mapping[str, Mapping[str, Any]]) -> dict[Identity, str]:
    """SHA-256 of files that were read (path → description), by identity; folders are left out."""
    places = ((Path(path), found["sha256"]) for path, found in read.items())
    return {_identity(path.stat()): sha256 for path, sha256 in places if path.is_file()}


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file or folder (see `describe`), from the record of the job that wrote it where
    there is one in a results folder above it and nothing changed since."""
    for root in Path(path).parents:
        if (root / RECORDS).is_dir():
            record = producer(str(path), root) or {"outputs": {}}
            return describe(path, record["outputs"].get(str(path)))["sha256"]
    return describe(path)["sha256"]


def tree_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """SHA-256 of a folder: of the lines that `sha256sum` prints of its files, sorted by path."""
    lines = (f"{files[name]['sha256']}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def describe_input(path: str, root: str) -> dict[str, Any]:
    """What a job has read: sha256, size, and `record`, the digest of the record of the job that
    wrote it, where there is one.

    Below `root` that record also says what did not change since; folders from elsewhere are read
    once and remembered.
    """
    record = producer(path, root)
    if record is not None:
        found = describe(path, record["outputs"].get(path)) | {"record": record["sha256"]}
    else:
        found = describe(path) if _is_own(path, root) else _describe_source(path, root)
    return {key: found[key] for key in ("sha256", "size", "record") if key in found}


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
        return read_json(record) if record.is_file() else None
    return content


def read_json(path: str | Path) -> Any:
    """A JSON file. Raises ToffeeError that names the file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ToffeeError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ToffeeError(f"{path}: not valid JSON ({error})") from error


def _is_own(path: str, root: str) -> bool:
    return Path(path).is_relative_to(root) or not Path(path).is_dir()


def _describe_source(path: str, root: str) -> dict[str, Any]:
    """A folder from elsewhere, photographs for instance: remembered below `root`."""
    place = hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:12]
    memory = Path(root, RECORDS, SOURCES, f"{Path(path).name}-{place}.json")
    known = read_json(memory) if memory.is_file() else None
    found = describe(path, known)
    if found != known:
        write_text(memory, json.dumps(found, indent=1) + "\n")
    return found


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _describe_file(
    path: Path, known: Mapping[str, Any], linked: Mapping[Identity, str]
) -> dict[str, Any]:
    try:
        status = path.stat()
    except OSError as error:
        raise ToffeeError(f"cannot read {path}: {error.strerror}") from error
    stamp = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if all(known.get(key) == value for key, value in stamp.items()):
        return {"sha256": known["sha256"]} | stamp
    return {"sha256": linked.get(_identity(status)) or file_digest(path)} | stamp


def _walk(folder: Path) -> list[str]:
    """All files below a folder, relative, but for Snakemake's own marks."""
    names = []
    for where, _, files in os.walk(folder, followlinks=True):
        below = Path(where).relative_to(folder)
        names += [(below / name).as_posix() for name in files if name != ".snakemake_timestamp"]
    return names
