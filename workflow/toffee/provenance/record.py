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
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toffee.provenance.code import code_digest, module_digests
from toffee.provenance.costs import COSTS, costs, cpu_seconds, device, process_start
from toffee.provenance.digests import describe, identities, read_json
from toffee.provenance.inputs import Inputs, looks
from toffee.provenance.kept import config_name as config_name
from toffee.provenance.kept import keep
from toffee.provenance.listing import listing_path
from toffee.provenance.machine import LOCK as LOCK
from toffee.provenance.machine import LONGEST_DIFF, RUN, environment, git_state, installed
from toffee.provenance.paths import (
    CONFIGS,
    RECORDS,
    STARTED,
    benchmark_path,
    canonical,
    earlier_path,
    record_path,
    root_of,
)
from toffee.provenance.reroot import rerooted_record
from toffee.provenance.sources import describe_input
from toffee.runtime import processes
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import is_disk_full, remove, remove_leftovers, write_text
from toffee.runtime.project import PROJECT as PROJECT

VERSION = 2

LONGEST_ERROR = 300
"""Characters of a library's error that one line has."""


_CALLS: list[Callable[[], None]] = []


def when_recorded(call: Callable[[], None]) -> None:
    """Make a call when this process's job has its record: from then on a kill cannot make Snakemake
    run the job again, and what the job would have continued from may go."""
    _CALLS.append(call)


@contextmanager
def recorded(snakemake: Any) -> Iterator[Recorder | None]:
    """Record the job that the block does, where it has outputs. Gives what records it, or None.

    An error of a library, which does not say what it was reading, is a `ToffeeError` where an input
    is not what it should be.

    snakemake: the object that Snakemake hands to scripts.
    """
    if not snakemake.output:
        yield None
        return
    recorder = Recorder(snakemake)
    try:
        yield recorder
        recorder.finish()
    except BaseException as error:
        recorder.fail()
        known = isinstance(error, ToffeeError) or not isinstance(error, Exception)
        fault = ""
        if not known and not is_disk_full(error):
            with suppress(ToffeeError):  # of a record that cannot be read
                fault = recorder.inputs.fault()
        if fault:
            said = " ".join(str(error).split())[:LONGEST_ERROR]
            raise ToffeeError(f"{fault} ({type(error).__name__}: {said})") from error
        raise


class Recorder:
    """Records one job. Make it when the job starts, call `finish` when its outputs are there, or
    `fail` when they will not be.

    Attributes:
        sha256: digest of the record, once it is written.
    """

    sha256: str | None = None

    def __init__(self, snakemake: Any, own_process: bool = True) -> None:
        """Note that the job has started; the record of an earlier run of it goes away.

        Args:
            snakemake: the object that Snakemake hands to scripts.
            own_process: whether this process does nothing else: its start is the job's, and all
                that it takes.
        """
        self.snakemake = snakemake
        self.root = root_of(str(snakemake.log[0]))
        # What the job reads and runs is what is there now: a checkout may move on while it works.
        # Looked at before they are hashed, so that no change between the two goes unseen.
        paths = list(files_of(named(snakemake.input)))
        seen = looks(paths)
        read = {path: describe_input(path, self.root) for path in paths}
        self.inputs = Inputs(read, seen, self.root)
        self.input = named(snakemake.input, self.root)
        self.read = {canonical(path, self.root): found for path, found in read.items()}
        self.linked = identities(read)
        function = snakemake.params["function"]
        self.code = {"sha256": code_digest(function), "modules": module_digests(function)}
        self.git = git_state()
        self.outputs = [str(path) for path in snakemake.output]
        self.start = process_start() if own_process else time.time()
        self.cpu_before = 0.0 if own_process else cpu_seconds()
        self.path = record_path(self.root, self.outputs[0])
        self.started = self.path.with_name(self.path.name + STARTED)
        self.earlier = self._earlier()
        self._set_aside()
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

    def _set_aside(self) -> None:
        """Move the record of an earlier run away: what was made from its outputs has its digest,
        and stays as it is where this run writes the same bytes."""
        if self.path.is_file():
            content = read_json(self.path)
            place = earlier_path(self.root, self.outputs[0], seal(content)["sha256"])
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.path, place)

    def _forget(self, made: Mapping[str, Any]) -> None:
        """Remove earlier records of this job that wrote none of the bytes that are there now:
        whatever was made from them is made again."""
        folder = earlier_path(self.root, self.outputs[0], "").parent
        for place in folder.glob("*.json"):
            outputs = rerooted_record(read_json(place), self.root)["outputs"]
            if not any(
                outputs.get(path, {}).get("sha256") == made[path]["sha256"] for path in made
            ):
                remove(place)
        with suppress(OSError):  # not empty, or not there
            folder.rmdir()

    def finish(self) -> None:
        """Write the record, and what it refers to.

        Raises:
            ToffeeError: an input changed after the job began: no record could say what it read.
        """
        if change := self.inputs.change():
            raise ToffeeError(change)
        made = {
            path: describe(path, linked=self.linked, listing=listing)
            for path, listing in self.listings.items()
        }
        content = json.loads(json.dumps(self._content(made)))  # keys as they will be read again
        sealed = seal(content)
        text = json.dumps(sealed, indent=1, ensure_ascii=False)
        for path in self.outputs[1:]:
            see = self.path.relative_to(Path(self.root, RECORDS)).as_posix()
            write_text(record_path(self.root, path), json.dumps({"see": see}) + "\n")
        write_text(self.path, text + "\n")
        self.sha256 = sealed["sha256"]
        self._forget(made)
        remove(self.started)
        while _CALLS:
            _CALLS.pop()()

    def fail(self) -> None:
        """Note what a failed attempt took; the next one's record has it."""
        _CALLS.clear()
        self._mark({"start": stamp(self.start), **costs(self.start, self.cpu_before)})

    def _content(self, made: Mapping[str, Any]) -> dict[str, Any]:
        snakemake, root = self.snakemake, self.root
        params = dict(snakemake.params.items())
        kept = {
            "config": keep(_config_text(snakemake.config), root, CONFIGS),
            "run": keep(run, root) if (run := os.environ.get(RUN)) else None,
            "environment": environment() | {"installed": keep(installed(), root)},
            "git": _git(root, self.git),
        }
        spent = costs(self.start, self.cpu_before)  # one look at the clock: they fit exactly
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
            **kept,
            "seed": params.get("seed"),
            "device": device(),
            "threads": snakemake.threads,
            "processes": processes.JOB.count,
            **spent,
            "start": stamp(self.start),
            "end": stamp(self.start + spent["seconds"]),
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


def stamp(seconds: float) -> str:
    """A time in UTC to the millisecond, ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _config_text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, indent=1, sort_keys=True, default=str) + "\n"


def _git(root: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of the checkout with the digest of its changes, which are kept beside the records.

    A diff of many megabytes is kept as its start; the digest is of the whole.
    """
    content = {key: value for key, value in state.items() if key != "diff"}
    if "diff" not in state:
        return content
    digest = hashlib.sha256(state["diff"].encode()).hexdigest()
    text = json.dumps({"sha256": digest, "diff": state["diff"][:LONGEST_DIFF]}, indent=1) + "\n"
    return content | {"diff": digest, "changes": keep(text, root)}
