"""Where what is known about a job stands: beside its outputs, in the same folder of a scale.

A results folder ("root") is `results/<scale>`; a job's log, `<root>/logs/<job>.log`, tells it. The
record of a job is `<root>/records/<first output>.json`; for every other output there is a pointer
of the same form, so that whoever reads a file finds the record of the job that wrote it. Beside
that, `<root>/records/<output>.json.files` lists the files of a folder of many.
"""

import os
from pathlib import Path

from toffee.runtime.project import PROJECT

LOGS, BENCHMARKS, RECORDS = "logs", "benchmarks", "records"
RESULTS = "results"
"""Folder that the results folders of all scales lie in."""

CONFIGS, SHARED, SOURCES = "config", "shared", "sources"
"""Folders of `records` that hold no records of jobs: configurations; what else jobs share (command
lines, installed packages, changes of the checkout); digests of foreign folders."""

NO_RECORDS = (CONFIGS, SHARED, SOURCES)

EARLIER = "earlier"
"""Folder of `records`: records of jobs that ran again and wrote the same bytes, in a folder for
each job that is named after its first output."""

STARTED = ".started"
"""Suffix of the mark of a job that has begun and not ended."""

LISTING = ".files"
"""Suffix, beside a record, of the table of a folder's files (see `toffee.provenance.listing`)."""


def root_of(log: str) -> str:
    """The results folder that a log lies in, as the log's path is written."""
    return log.partition(f"/{LOGS}/")[0]


def record_path(root: str | Path, output: str | Path) -> Path:
    """Where the record of the job that writes `output` is; `output` lies below `root`."""
    return Path(root, RECORDS, f"{Path(output).relative_to(root).as_posix()}.json")


def earlier_path(root: str | Path, output: str | Path, digest: str) -> Path:
    """Where an earlier record of the job with this first output is, by the record's digest."""
    return Path(root, RECORDS, EARLIER, Path(output).relative_to(root), f"{digest}.json")


def benchmark_path(log: str) -> str:
    """The benchmark of the job that writes a log."""
    root, _, rest = log.partition(f"/{LOGS}/")
    return f"{root}/{BENCHMARKS}/{rest.removesuffix('.log')}.tsv"


def canonical(path: str | Path, root: str = "") -> str:
    """How records and params name a file: one of the checkout from there, wherever the run is; one
    below the results folder `root`, and any other, as it is given."""
    place = os.path.abspath(path)
    if root and str(path).startswith(f"{root}/"):
        return str(path)
    if Path(place).is_relative_to(PROJECT):
        return os.path.relpath(place, PROJECT)
    return str(path)


def spelled(name: str) -> str:
    """The path of a file that `canonical` names, seen from the working directory."""
    place = PROJECT / name
    return os.path.relpath(place) if not os.path.isabs(name) and place.exists() else name
