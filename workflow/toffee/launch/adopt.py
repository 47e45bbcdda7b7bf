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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toffee.launch.params import shown
from toffee.provenance.digests import read_json
from toffee.provenance.listing import lookup, walk, with_listing
from toffee.provenance.paths import EARLIER, NO_RECORDS, RECORDS, record_path, spelled
from toffee.provenance.reroot import rerooted_record
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.runtime.project import PROJECT

ONLY_PLANNING = "TOFFEE_ONLY_PLANNING"
"""Environment variable of an audit's dry runs, which have to change nothing."""

CHECKOUT = "."
"""Beside the names of records: where the checkout lay, seen from the working directory."""

METADATA_FORMAT = 6
"""Of Snakemake's metadata records (`snakemake.persistence.RECORD_FORMAT_VERSION`)."""

NAME_MAX = 254
"""Snakemake cuts the names of its metadata files into folders of so many characters."""


@dataclass
class Adopted:
    """What Snakemake has to know of jobs that it has not seen.

    Attributes:
        metadata: what it would have kept, by output.
        times: when outputs were made (seconds since 1970), of those that are as they were made.
        finished: outputs of jobs that ended well, though Snakemake may have been killed before.
        jobs: how many jobs it did not know, or knew with other values or inputs.
        gone: outputs that are not there, though their records are.
    """

    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    jobs: int = 0
    gone: list[str] = field(default_factory=list)


def adopt(root: str, state: str | Path = ".snakemake", write: bool = True) -> Adopted:
    """Give Snakemake the metadata, and files their times, of results that it has not seen.

    Only records that are new since the last call are looked at, and those whose job Snakemake has
    run since: older results may have been put back. All, where the checkout has moved.

    Args:
        root: results folder, relative to the working directory.
        state: Snakemake's folder there.
        write: whether it is written; else it is only returned, for a run that changes nothing.

    Raises:
        ToffeeError: a record or a file's time cannot be read or written.
    """
    records, found = Path(root, RECORDS), Adopted()
    if os.environ.get(ONLY_PLANNING) or not records.is_dir():
        return found
    memory = Path(state, "toffee", f"{root.replace('/', '-')}.json")
    known = read_json(memory) if memory.is_file() else {}
    last, looked = memory.stat().st_mtime_ns if memory.is_file() else 0, False
    seen = {
        path.relative_to(records).as_posix(): path.stat().st_mtime_ns
        for path in records.rglob("*.json")
        if path.relative_to(records).parts[0] not in (EARLIER, *NO_RECORDS)
    }
    checkout = {CHECKOUT: os.path.relpath(PROJECT)}
    moved = known.get(CHECKOUT, ".") != checkout[CHECKOUT]
    for name, time in seen.items():
        output = f"{root}/{name.removesuffix('.json')}"
        if not os.path.exists(output):
            found.gone.append(output)
        place = metadata_path(state, output)
        if (
            not moved
            and known.get(name) == time
            and not _is_newer(place, last)
            and (write or is_readable(place))
        ):
            continue
        looked = True
        _adopt_job(records / name, root, state, write, found)
    if write and (looked or checkout | seen != known):
        write_text(memory, json.dumps(checkout | seen))
    return found


def is_readable(path: Path) -> bool:
    """Whether a file is there and this user may read it: Snakemake lets only its own user and group
    read what it keeps."""
    return path.is_file() and os.access(path, os.R_OK)


def _is_newer(path: Path, moment: int) -> bool:
    try:
        return path.stat().st_mtime_ns > moment
    except OSError:
        return False


def _adopt_job(path: Path, root: str, state: str | Path, write: bool, adopted: Adopted) -> None:
    content = read_json(path)
    if "see" in content:
        return
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
        found = read_json(place) if is_readable(place) or (write and place.is_file()) else {}
        adopted.finished.add(output)
        if any(found.get(key) != wanted[key] for key in ("params", "input")):
            adopted.metadata[output], unknown = wanted, True
            if not write:
                adopted.times |= _time(output, made, record.end.timestamp())
                continue
            write_text(place, json.dumps(wanted))
            made = with_listing(made, record_path(record.root, output))
            _restore_times(Path(output), made, record.end.timestamp())
        if write:
            kept_path(state, output, "incomplete").unlink(missing_ok=True)
    benchmark, end = Path(record.benchmark), record.end.timestamp()
    if unknown and benchmark.exists():  # Snakemake takes it for an output
        adopted.times[record.benchmark] = end
        if write:
            _set_time(benchmark, end)
    adopted.jobs += unknown


def _time(output: str, made: Mapping[str, Any], end: float) -> dict[str, float]:
    """The time that an output had, if it is still as large."""
    path, time = Path(output), made.get("mtime_ns")
    if path.is_dir():
        return {output: end}
    same = bool(time) and path.is_file() and path.stat().st_size == made["size"]
    return {output: time / 1e9} if same and time else {}


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
    inputs = {_place(path, record.root): read.sha256 for path, read in record.inputs.items()}
    return {
        "record_format_version": METADATA_FORMAT,
        "rule": record.rule,
        "input": sorted(inputs),
        "log": [record.log],
        "params": sorted(shown(name, value) for name, value in record.params.items()),
        "incomplete": False,
        "starttime": record.start.timestamp(),
        "endtime": record.end.timestamp(),
        "input_checksums": {path: f"sha256:{digest}" for path, digest in inputs.items()},
    }


def _place(path: str, root: str) -> str:
    return path if path.startswith(f"{root}/") else spelled(path)


def _restore_times(path: Path, made: Mapping[str, Any], end: float) -> None:
    """Times as they were, of files that still have their size: a copy's are new, in any order."""
    try:
        if made.get("files") is None:
            _restore_time(path, made)
            return
        known = lookup(made["files"])
        for name in walk(path) if path.is_dir() else ():
            _restore_time(f"{path}/{name}", known.get(name) or {})
    except OSError as error:
        raise ToffeeError(f"cannot set the time of {path}: {error.strerror}") from error
    for place in (path / ".snakemake_timestamp", path):
        if place.exists():
            _set_time(place, end)


def _set_time(path: Path, time: float) -> None:
    try:
        os.utime(path, (time, time))
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
