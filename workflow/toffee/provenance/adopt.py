"""Results that were copied here: Snakemake is told what they were made with.

Snakemake keeps what it compares (params, inputs, their checksums) in the working directory, not
beside the results: copied alone, these look as if no change could concern them, and new times of
files as if everything had changed. The records have all of it.
"""

import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from toffee.files import write_text
from toffee.provenance.params import shown
from toffee.provenance.paths import RECORDS
from toffee.provenance.results import Results
from toffee.provenance.schema import Made, Record

METADATA_FORMAT = 6
"""Of Snakemake's metadata records (`snakemake.persistence.RECORD_FORMAT_VERSION`)."""

NAME_MAX = 254
"""Snakemake cuts the names of its metadata files into folders of so many characters."""


def adopt(root: str, state: str | Path = ".snakemake") -> int:
    """Give Snakemake the metadata, and files their times, of results that it has not seen.

    Costs one look at a folder where the results are known already.

    Args:
        root: results folder, relative to the working directory.
        state: Snakemake's folder there.

    Returns:
        How many jobs Snakemake did not know.
    """
    records = Path(root, RECORDS)
    mark = Path(state, "toffee", f"{root.replace('/', '-')}.adopted")
    if not records.is_dir():
        return 0
    status = records.stat()
    identity = f"{status.st_dev} {status.st_ino}"
    if mark.is_file() and mark.read_text(encoding="utf-8") == identity:
        return 0
    count = 0
    for record in Results(root).records.values():
        new = [path for path in record.outputs if not metadata_path(state, path).is_file()]
        for path in new:
            write_text(metadata_path(state, path), json.dumps(metadata_of(record)))
            _restore_times(Path(path), record.outputs[path], record.end.timestamp())
        count += bool(new)
    write_text(mark, identity)
    return count


def metadata_path(state: str | Path, output: str) -> Path:
    """Where Snakemake keeps what it knows of an output."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + NAME_MAX] for i in range(0, len(name), NAME_MAX)]
    return Path(state, "metadata", *(f"@{part}" for part in parts[:-1]), parts[-1])


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


def _restore_times(path: Path, made: Made, end: float) -> None:
    """Times as they were, of files that still have their size: a copy's are new, in any order."""
    for name, file in (made.files or {"": made}).items():
        place = path / name if name else path
        if place.is_file() and place.stat().st_size == file.size and file.mtime_ns:
            os.utime(place, ns=(file.mtime_ns, file.mtime_ns))
    stamp = path / ".snakemake_timestamp"
    if made.files is not None:
        for place in (stamp, path):
            if place.exists():
                os.utime(place, (end, end))
