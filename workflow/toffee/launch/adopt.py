"""Results that were copied here: gives Snakemake what they were made with.

Snakemake keeps what it compares (params, inputs, their checksums) in the working directory, not
beside the results: copied alone, these look as if no change could concern them, and new times of
files as if everything had changed. The records have all of it.
"""

import json
import os
import stat
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toffee.launch.params import shown
from toffee.provenance.digests import read_json
from toffee.provenance.listing import lookup, walk, with_listing
from toffee.provenance.paths import EARLIER, NO_RECORDS, RECORDS, record_path
from toffee.provenance.reroot import rerooted_record
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text

ONLY_PLANNING = "TOFFEE_ONLY_PLANNING"
"""Environment variable of an audit's dry runs, which have to change nothing."""

METADATA_FORMAT = 6
"""Of Snakemake's metadata records (`snakemake.persistence.RECORD_FORMAT_VERSION`)."""

NAME_MAX = 254
"""Snakemake cuts the names of its metadata files into folders of so many characters."""


def adopt(root: str, state: str | Path = ".snakemake") -> int:
    """Give Snakemake the metadata, and files their times, of results that it has not seen.

    Only records that are new since the last call are looked at.

    Args:
        root: results folder, relative to the working directory.
        state: Snakemake's folder there.

    Returns:
        How many jobs Snakemake did not know, or knew with other values or inputs.

    Raises:
        ToffeeError: a record or a file's time cannot be read or written.
    """
    records = Path(root, RECORDS)
    if os.environ.get(ONLY_PLANNING) or not records.is_dir():
        return 0
    memory = Path(state, "toffee", f"{root.replace('/', '-')}.json")
    known = read_json(memory) if memory.is_file() else {}
    seen = {
        path.relative_to(records).as_posix(): path.stat().st_mtime_ns
        for path in records.rglob("*.json")
        if path.relative_to(records).parts[0] not in (EARLIER, *NO_RECORDS)
    }
    new = [name for name, time in seen.items() if known.get(name) != time]
    count = sum(_adopt_job(records / name, root, state) for name in new)
    if seen != known:
        write_text(memory, json.dumps(seen))
    return count


def _adopt_job(path: Path, root: str, state: str | Path) -> bool:
    content = read_json(path)
    if "see" in content:
        return False
    try:
        content = rerooted_record(content, root)
        record = Record.model_validate(content)
    except ValidationError as error:
        raise ToffeeError(f"{path}: not a valid record, see toffee audit ({error})") from None
    except ToffeeError as error:
        raise ToffeeError(f"{path}: {error}; give the folder its old name back") from None
    wanted = metadata_of(record)
    unknown = False
    for output, made in content["outputs"].items():
        place = metadata_path(state, output)
        found = read_json(place) if place.is_file() else {}
        if any(found.get(key) != wanted[key] for key in ("params", "input")):
            write_text(place, json.dumps(wanted))
            made = with_listing(made, record_path(record.root, output))
            _restore_times(Path(output), made, record.end.timestamp())
            unknown = True
        # A job that ended well after its Snakemake had been killed is not incomplete.
        kept_path(state, output, "incomplete").unlink(missing_ok=True)
    return unknown


def metadata_path(state: str | Path, output: str) -> Path:
    """Where Snakemake keeps what it knows of an output."""
    return kept_path(state, output, "metadata")


def kept_path(state: str | Path, output: str, folder: str) -> Path:
    """Where Snakemake keeps a mark of an output in one of its folders."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + NAME_MAX] for i in range(0, len(name), NAME_MAX)]
    return Path(state, folder, *(f"@{part}" for part in parts[:-1]), parts[-1])


def metadata_of(record: Record) -> dict[str, Any]:
    """What Snakemake would have kept of the job."""
    return {
        "record_format_version": METADATA_FORMAT,
        "rule": record.rule,
        "input": sorted(record.inputs),
        "log": [record.log],
        "params": sorted(shown(name, value) for name, value in record.params.items()),
        "incomplete": False,
        "starttime": record.start.timestamp(),
        "endtime": record.end.timestamp(),
        "input_checksums": {path: f"sha256:{read.sha256}" for path, read in record.inputs.items()},
    }


def _restore_times(path: Path, made: Mapping[str, Any], end: float) -> None:
    """Times as they were, of files that still have their size: a copy's are new, in any order."""
    try:
        if made.get("files") is None:
            _restore_time(path, made)
            return
        known = lookup(made["files"])
        for name in walk(path) if path.is_dir() else ():
            _restore_time(f"{path}/{name}", known.get(name) or {})
        for place in (path / ".snakemake_timestamp", path):
            if place.exists():
                os.utime(place, (end, end))
    except OSError as error:
        raise ToffeeError(f"cannot set the time of {path}: {error.strerror}") from error


def _restore_time(path: str | Path, file: Mapping[str, Any]) -> None:
    time = file.get("mtime_ns")
    if not time:
        return
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    same = stat.S_ISREG(status.st_mode) and status.st_size == file["size"]
    if same and status.st_mtime_ns != time:
        os.utime(path, ns=(time, time))
