"""The record of a job: what it read, what it wrote, with which code and values, when and at what
cost.

`Recorder` is the one mechanism: `toffee.launch.job`, which stands around every script, uses it. A
record is enough to run its job again (see `toffee.audit.replay`). It carries a digest of
itself, and the digests of the records of the jobs before it, so that who edits a number has to edit
all that follows from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from toffee.provenance.code import code_digest, module_digests
from toffee.provenance.digests import describe, identities, read_json
from toffee.provenance.listing import listing_path
from toffee.provenance.paths import (
    CONFIGS,
    RECORDS,
    STARTED,
    benchmark_path,
    canonical,
    record_path,
    root_of,
)
from toffee.provenance.sources import describe_input
from toffee.runtime import processes
from toffee.runtime.files import remove, remove_leftovers, write_text
from toffee.runtime.project import PROJECT

VERSION = 1
LOCK = Path("envs", "requirements.txt")
COSTS = ("seconds", "cpu_seconds", "gpu_seconds", "peak_memory_mb")


_CALLS: list[Callable[[], None]] = []


def when_recorded(call: Callable[[], None]) -> None:
    """Make a call when this process's job has its record: from then on a kill cannot make Snakemake
    run the job again, and what the job would have continued from may go."""
    _CALLS.append(call)


@contextmanager
def recorded(snakemake: Any) -> Iterator[None]:
    """Record the job that the block does, where it has outputs.

    snakemake: the object that Snakemake hands to scripts.
    """
    if not snakemake.output:
        yield
        return
    recorder = Recorder(snakemake)
    try:
        yield
        recorder.finish()
    except BaseException:
        recorder.fail()
        raise


class Recorder:
    """Records one job. Make it when the job starts, call `finish` when its outputs are there, or
    `fail` when they will not be."""

    def __init__(self, snakemake: Any) -> None:
        """Note that the job has started; the record of an earlier run of it goes away.

        Args:
            snakemake: the object that Snakemake hands to scripts.
        """
        self.snakemake = snakemake
        self.root = root_of(str(snakemake.log[0]))
        # What the job reads and runs is what is there now: a checkout may move on while it works.
        read = {path: describe_input(path, self.root) for path in files_of(named(snakemake.input))}
        self.input = named(snakemake.input, self.root)
        self.read = {canonical(path, self.root): found for path, found in read.items()}
        self.linked = identities(read)
        function = snakemake.params["function"]
        self.code = {"sha256": code_digest(function), "modules": module_digests(function)}
        self.git = git_state()
        self.outputs = [str(path) for path in snakemake.output]
        self.start = _process_start()
        self.path = record_path(self.root, self.outputs[0])
        self.started = self.path.with_name(self.path.name + STARTED)
        self.earlier = self._earlier()
        self.path.unlink(missing_ok=True)
        self.listings = {path: listing_path(record_path(self.root, path)) for path in self.outputs}
        for listing in self.listings.values():
            remove(listing)
        left: list[str | Path] = [*self.outputs, self.path, self.started]
        for path in [*left, *self.listings.values()]:
            remove_leftovers(path)
        self._mark({"start": stamp(self.start)})

    def _earlier(self) -> list[dict[str, Any]]:
        """Attempts before this one: those without a good end, and where jobs share a submission,
        which runs all of them again when one fails, also the one that had it."""
        if self.started.is_file():
            return read_json(self.started)["attempts"]
        submission = self.snakemake.resources.get("submission") or 1
        if submission == 1 or not self.path.is_file():
            return []
        record = read_json(self.path)
        return [*record["earlier"], {key: record[key] for key in ("start", *COSTS)}]

    def finish(self) -> None:
        """Write the record, and what it refers to."""
        made = {
            path: describe(path, linked=self.linked, listing=listing)
            for path, listing in self.listings.items()
        }
        content = json.loads(json.dumps(self._content(made)))  # keys as they will be read again
        text = json.dumps(seal(content), indent=1, ensure_ascii=False)
        for path in self.outputs[1:]:
            see = self.path.relative_to(Path(self.root, RECORDS)).as_posix()
            write_text(record_path(self.root, path), json.dumps({"see": see}) + "\n")
        write_text(self.path, text + "\n")
        remove(self.started)
        while _CALLS:
            _CALLS.pop()()

    def fail(self) -> None:
        """Note what a failed attempt took; the next one's record has it."""
        _CALLS.clear()
        self._mark({"start": stamp(self.start), **costs(self.start)})

    def _content(self, made: Mapping[str, Any]) -> dict[str, Any]:
        snakemake, root = self.snakemake, self.root
        params = dict(snakemake.params.items())
        return {
            "version": VERSION,
            "rule": snakemake.rule,
            "wildcards": {name: str(value) for name, value in snakemake.wildcards.items()},
            "root": root,
            "input": self.input,
            "output": named(snakemake.output),
            "inputs": self.read,
            "outputs": made,
            "log": str(snakemake.log[0]),
            "benchmark": benchmark_path(str(snakemake.log[0])),
            "params": params,
            "code": self.code,
            "config": _write_config(snakemake.config, root),
            "environment": environment(),
            "git": self.git,
            "seed": params.get("seed"),
            "device": device(),
            "threads": snakemake.threads,
            "processes": processes.JOB.count,
            **costs(self.start),
            "start": stamp(self.start),
            "end": stamp(time.time()),
            "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
            "attempt": len(self.earlier) + 1,
            "earlier": self.earlier,
        }

    def _mark(self, attempt: Mapping[str, Any]) -> None:
        mark = {"log": str(self.snakemake.log[0]), "attempts": [*self.earlier, attempt]}
        write_text(self.started, json.dumps(mark) + "\n")


def seal(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the digest of all its other content as `sha256`."""
    content = {key: value for key, value in record.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return content | {"sha256": hashlib.sha256(text.encode()).hexdigest()}


def config_name(text: str) -> str:
    """The name under which a configuration is kept: the start of its digest."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def named(files: Any, root: str | None = None) -> dict[str, Any]:
    """Inputs or outputs of a job by name: a path, or a list of paths.

    root: results folder, to name files of the checkout as records do (see `canonical`).
    """

    def name_of(path: Any) -> str:
        return str(path) if root is None else canonical(str(path), root)

    return {
        name: name_of(value) if isinstance(value, str) else [name_of(path) for path in value]
        for name, value in files.items()
    }


def files_of(names: Mapping[str, Any]) -> list[str]:
    """All paths of `named`, each once, in order."""
    paths: Iterable[str] = (
        path for value in names.values() for path in ([value] if isinstance(value, str) else value)
    )
    return list(dict.fromkeys(paths))


def costs(start: float) -> dict[str, Any]:
    """What this process, its children and those that it started on other machines took since
    `start`: seconds (wall), cpu_seconds, gpu_seconds (wall seconds times GPUs in use); and
    peak_memory_mb (of the largest process here)."""
    import resource

    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = time.time() - start
    cpu_seconds = sum(one.ru_utime + one.ru_stime for one in usage) + processes.JOB.cpu_seconds
    unit = 1024 if sys.platform != "darwin" else 1024**2
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "gpu_seconds": round(seconds * _gpus_in_use(), 3),
        "peak_memory_mb": round(max(one.ru_maxrss for one in usage) / unit, 1),
    }


def device() -> str:
    """What the job computed on: the name of its GPU, or cpu."""
    if processes.JOB.gpus:
        return processes.JOB.gpus[0]
    if not _gpus_in_use():
        return "cpu"
    import torch

    return torch.cuda.get_device_name()


@cache
def environment() -> dict[str, str | None]:
    """The lock of the environment (SHA-256), the interpreter and the machine."""
    lock = PROJECT / LOCK
    return {
        "lock": describe(lock)["sha256"] if lock.is_file() else None,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


@cache
def git_state() -> dict[str, Any]:
    """Commit of the checkout, and whether its files differ from it; None where there is no git."""
    # Without locks, so that no commit of the user's has to wait.
    command = ["git", "--no-optional-locks", "-C", str(PROJECT)]
    try:
        # A checkout inside of another repository is none.
        top = _output([*command, "rev-parse", "--show-toplevel"])
        if Path(top) != PROJECT:
            return {"commit": None, "changed": None}
        changed = _output([*command, "status", "--porcelain", "--untracked-files=no"])
        return {"commit": _output([*command, "rev-parse", "HEAD"]), "changed": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "changed": None}


def stamp(seconds: float) -> str:
    """A time in UTC to the millisecond, ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _write_config(config: Mapping[str, Any], root: str) -> str:
    """Keep the configuration beside the records, once; its name is the start of its digest."""
    text = json.dumps(config, indent=1, sort_keys=True, default=str) + "\n"
    name = config_name(text)
    path = Path(root, RECORDS, CONFIGS, f"{name}.json")
    if not path.is_file():
        write_text(path, text)
    return name


def _process_start() -> float:
    import psutil

    return psutil.Process().create_time()


def _gpus_in_use() -> int:
    if processes.JOB.gpus:
        return len(processes.JOB.gpus)
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch and torch.cuda.is_initialized() else 0


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
