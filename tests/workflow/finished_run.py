"""What a finished run leaves behind, without running it: empty outputs, the records of all jobs.

The largest folder, that of the imported sequences, has a list of files, though not the files.

In a copy of the project, with Snakemake's arguments:
    python -m tests.workflow.finished_run ARGUMENTS…
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from toffee.launch.dag import Job, planned_jobs
from toffee.provenance import listing
from toffee.provenance.machine import environment
from toffee.provenance.paths import benchmark_path, record_path, root_of
from toffee.provenance.record import VERSION, files_of, seal, stamp
from toffee.runtime.files import file_digest

DIGEST = "0" * 64

LARGE, FILES = "import_multiview", 5_000_000
"""Rule of a folder of many files, and how many it has at the paper's scale."""


def finish(folder: Path, arguments: Sequence[str], files: int = 1) -> int:
    """Make the files of all jobs of a plan; the number of jobs.

    Args:
        folder: a copy of the project.
        arguments: Snakemake's.
        files: how many the list of the largest folder has.
    """
    _, jobs = planned_jobs(arguments, folder)
    moment = int(time.time()) - 60
    for job in jobs:
        root = root_of(job.log)
        for path in files_of(job.output):
            _touch(folder / path, moment)
        for path in (job.log, benchmark_path(job.log)):
            _touch(folder / path, moment)
        first, *others = files_of(job.output)
        place = folder / record_path(root, first)
        _write(place, seal(_record(job, root, folder, moment, files)))
        for path in others:
            _write(
                folder / record_path(root, path), {"see": f"{Path(first).relative_to(root)}.json"}
            )
    return len(jobs)


def _record(job: Job, root: str, folder: Path, moment: float, files: int) -> dict:
    made = {path: _made(folder / path) for path in files_of(job.output)}
    if job.rule == LARGE:
        for path in made:
            made[path]["files"] = _list_files(folder / record_path(root, path), files)
    return {
        "version": VERSION,
        "rule": job.rule,
        "wildcards": job.wildcards,
        "root": root,
        "input": job.input,
        "output": job.output,
        "inputs": {path: {"sha256": DIGEST, "size": 0} for path in files_of(job.input)},
        "outputs": made,
        "log": job.log,
        "benchmark": benchmark_path(job.log),
        "params": job.params,
        "code": {"sha256": job.params["code"], "modules": {}},
        "config": "0" * 16,
        "environment": environment() | {"installed": "0" * 16},
        "git": {"commit": None, "changed": None},
        "seed": job.params.get("seed"),
        "device": "cpu",
        "threads": 1,
        "processes": 1,
        **dict.fromkeys(("seconds", "cpu_seconds", "gpu_seconds", "peak_memory_mb"), 1.0),
        "start": stamp(moment - 1),
        "end": stamp(moment),
        "slurm_job_id": None,
        "attempt": 1,
        "earlier": [],
    }


def _made(path: Path) -> dict:
    if path.is_dir():
        return {"sha256": DIGEST, "size": 0, "files": {}}
    return {"sha256": DIGEST, "size": 0, "mtime_ns": path.stat().st_mtime_ns}


def _list_files(record: Path, files: int) -> str:
    entry = {"sha256": DIGEST, "size": 0, "mtime_ns": 1}
    table = listing.listing_path(record)
    listing.write(((f"{n // 64:06}/{n % 64:02}.jpg", entry) for n in range(files)), table)
    return file_digest(table)


def _touch(path: Path, moment: float) -> None:
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    else:
        path.mkdir(parents=True, exist_ok=True)
        (path / ".snakemake_timestamp").touch()
        os.utime(path / ".snakemake_timestamp", (moment, moment))
    os.utime(path, (moment, moment))


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


if __name__ == "__main__":
    print(finish(Path.cwd(), sys.argv[1:], FILES), "jobs")
