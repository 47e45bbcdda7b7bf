"""A check of tier graph: every job did what Snakemake plans from this checkout, with these values.

The checkout plans with the values that the run's command line laid over its configuration, which
the records hold. A job and all that it was made from have to be as that plan has them: a gate that
was checked with another tolerance is not the one that the tables were planned behind.
"""

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes, leaves
from toffee.launch.adopt import ONLY_PLANNING
from toffee.launch.dag import Job, planned_jobs
from toffee.provenance.code import COMMANDS
from toffee.provenance.paths import CONFIGS, RECORDS, RESULTS, SHARED
from toffee.provenance.record import files_of
from toffee.provenance.reroot import rerooted
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError

TIER = "graph"

TARGETS = ("all", "tables", "figures", "dreambooth", "site", "crate") + (
    "dataset",  # where target all does without
    "export_folder",
    "export_imagenhub",
    "scaling",
)
"""Targets that between them have every job of a scale."""

ZOO_TARGETS = ("zoo",)
ZOO_ROOT = f"{RESULTS}/zoo"

CORES = 1024
"""Of the plan: more than a rule's threads."""

PATHS = ("input", "output", "params", "log", "benchmark")
"""What of a planned job may name the results folder."""


@dataclass(frozen=True)
class Plan:
    """What Snakemake plans from the checkout.

    Attributes:
        config: the whole configuration.
        jobs: by each of their outputs.
    """

    config: Mapping[str, Any]
    jobs: Mapping[str, Job]


def check_plan(results: Results, notes: Notes) -> Iterator[Finding]:
    """The jobs, their inputs and their values are those of the plan that each was made by."""
    groups: dict[tuple[str, str, bool], list[Record]] = defaultdict(list)
    if all(record.rule in COMMANDS for record in results.records.values()):
        notes.add("graph: no plan, these are drawings of toffee draw and toffee edit")
        return
    for name, record in reversed(results.records.items()):
        zoo = results.roots[name] == ZOO_ROOT
        groups[record.config, _given(results, record), zoo].append(record)
    found: dict[Finding, None] = {}
    plans: list[Plan] = []
    for (_, _, zoo), records in groups.items():
        try:
            plan = _plan(results, records[0], zoo)
        except ToffeeError as error:
            path = f"{RECORDS}/{CONFIGS}/{records[0].config}.json"
            finding = Finding(TIER, path, "a configuration that Snakemake plans", str(error))
            found.setdefault(finding)
            continue
        found.update(dict.fromkeys(_compare_values(results, records[0], plan)))
        current = _Lineage(results, plan)
        found.update(dict.fromkeys(current.check(records)))
        notes.given(results, records[0].run, len(records) if plans else 0)
        if not plans:
            notes.of_plan(results, plan.jobs, current.seen)
        plans.append(plan)
    yield from found
    # Only the plan of the newest run says what else should be there.
    for path, job in plans[0].jobs.items() if plans and results.whole else ():
        if path not in results.producers and results.place(path).exists():
            found_none = "none in records/"
            yield Finding(TIER, path, f"a record, since rule {job.rule} makes it", found_none)


def _run(results: Results, record: Record) -> dict[str, Any]:
    """What the command line of a job laid over the configuration (see `plan_of`).

    Raises:
        ToffeeError: it is not there, or not what is expected.
    """
    run = results.kept(str(record.run), f"the command line of {record.job}", SHARED)
    pairs = run.get("configfiles")
    whole = isinstance(pairs, list) and all(isinstance(one, list) and one[1:2] for one in pairs)
    if not whole or not isinstance(run.get("config"), dict):
        raise ToffeeError(f"{record.run}: expected configfiles and config of a command line")
    return run


def _given(results: Results, record: Record) -> str:
    """The same as a text by which jobs are told apart: other words of a command line plan alike."""
    try:
        run = _run(results, record) if record.run else {}
    except ToffeeError:
        return str(record.run)  # a finding, when it is planned
    return json.dumps([run.get("configfiles"), run.get("config")])


def _plan(results: Results, record: Record, zoo: bool) -> Plan:
    """The plan that a job was made by. Raises ToffeeError where there is none."""
    config = results.config(record)
    run = _run(results, record) if record.run else {"configfiles": [["", config]]}
    _refuse_devices([config, run], results.project)
    planned, jobs = plan_of(results.project, run, zoo)
    root = ZOO_ROOT if zoo else f"{RESULTS}/{planned.get('scale')}"
    if root != results.root:
        jobs = [_under(job, root, results.root) for job in jobs]
    return Plan(planned, {path: job for job in jobs for path in files_of(job.output)})


def _under(job: Job, old: str, new: str) -> Job:
    """A planned job of a results folder under another name of it."""
    return replace(job, **{name: rerooted(getattr(job, name), old, new) for name in PATHS})


def plan_of(
    project: Path, run: Mapping[str, Any], zoo: bool = False
) -> tuple[dict[str, Any], list[Job]]:
    """The configuration and the jobs that the checkout's rules plan.

    Args:
        project: the checkout.
        run: what a command line laid over the checkout's configuration: config (values by name) and
            configfiles (name and content of each), see `toffee.provenance.machine.note_run`.
        zoo: whether the zoo's own trainings are meant.

    Raises:
        ToffeeError: Snakemake does not plan it.
    """
    # Without the auditor's own profile, and without changes to the checkout's own results.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE_")}
    with tempfile.TemporaryDirectory() as folder:
        # A record's values go into files: as words of a command line they could be its options.
        given = [content for _, content, *_ in run.get("configfiles") or ()]
        files = []
        for number, content in enumerate([*given, *filter(None, [run.get("config")])]):
            files.append(Path(folder, f"{number}.json"))
            files[-1].write_text(json.dumps(content), encoding="utf-8")
        # All jobs are forced: the plan must not depend on which files are there.
        arguments = ["--forceall", "--cores", str(CORES)]
        arguments += ["--configfile", *map(str, files)] if files else []
        arguments += ["--", *(ZOO_TARGETS if zoo else TARGETS)]
        return planned_jobs(arguments, project, environment | {ONLY_PLANNING: "1"})


def _refuse_devices(value: Any, project: Path) -> None:
    """Raise ToffeeError where a configuration names a pipe or a device, which has no end."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _refuse_devices(one, project)
    elif isinstance(value, str):
        with suppress(OSError, ValueError):
            place = project / value
            if place.exists() and not (place.is_file() or place.is_dir()):
                raise ToffeeError(f"{value!r}: expected a file or a folder, found a device or pipe")


def _compare_values(results: Results, record: Record, plan: Plan) -> Iterator[Finding]:
    """The configuration is the checkout's with what the command line laid over it."""
    path = f"{RECORDS}/{CONFIGS}/{record.config}.json"
    if record.run is None:
        name = f"{RECORDS}/{results.name_of(record)}"
        yield Finding(TIER, name, "the command line that its values come from", "none")
    had, planned = leaves(results.config(record)), leaves(plan.config)
    for key in sorted({*had, *planned}):
        if had.get(key) != planned.get(key):
            expected = f"{key} = {_short(planned, key)}, as the checkout and the command line say"
            yield Finding(TIER, path, expected, _short(had, key))


class _Lineage:
    """Compares jobs, and all that they were made from, with a plan.

    Attributes:
        seen: the jobs that were compared, by identity.
    """

    def __init__(self, results: Results, plan: Plan) -> None:
        self.results, self.plan = results, plan
        self.seen: set[int] = set()
        self._earlier: dict[str, list[Record]] = defaultdict(list)
        for record in results.earlier.values():
            self._earlier[next(iter(record.outputs))].append(record)

    def check(self, records: Sequence[Record]) -> Iterator[Finding]:
        """Differences, one finding for all jobs of a rule that have the same."""
        found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        waiting = list(records)
        self.seen.update(map(id, records))
        for record in waiting:
            for expected, was in _differences(record, self.plan.jobs):
                found[record.rule, expected, was].append(self.results.name_of(record))
            for path in record.inputs:
                producer = self.results.producer(path)
                if producer is not None and not self._is_seen(producer):
                    waiting.append(self._best(producer))
                    self.seen.add(id(waiting[-1]))
        for (_, expected, was), names in found.items():
            more = f" (and {len(names) - 1} more)" if names[1:] else ""
            yield Finding(TIER, f"{RECORDS}/{names[0]}", expected, was + more)

    def _candidates(self, producer: Record) -> list[Record]:
        """A job's record, and those of its earlier runs that wrote the same bytes."""
        return [producer, *self._earlier[next(iter(producer.outputs))]]

    def _is_seen(self, producer: Record) -> bool:
        return any(id(one) in self.seen for one in self._candidates(producer))

    def _best(self, producer: Record) -> Record:
        """The one of a job's records that fits the plan; else the present one."""
        found = self._candidates(producer)
        return next((r for r in found if not any(_differences(r, self.plan.jobs))), producer)


def _differences(record: Record, jobs: Mapping[str, Job]) -> Iterator[tuple[str, str]]:
    """Where a record is not as its job is planned: what was expected, what was found."""
    first = next(iter(record.outputs))
    job = jobs.get(first)
    if job is None:
        yield "an output of the checkout's rules", f"{first}, which no rule makes with its values"
        return
    if job.rule != record.rule:
        yield f"rule {job.rule}, as Snakemake plans it", f"rule {record.rule}"
    outputs = files_of(job.output)
    if set(outputs) != set(record.outputs) or job.output != record.output:
        yield f"the outputs {', '.join(outputs)}", ", ".join(record.outputs)
    inputs, read = set(files_of(job.input)), set(record.inputs)
    declared = set(files_of(record.input))
    for path in sorted(inputs - (read & declared)):
        yield f"the input {path}, which Snakemake plans", "none such"
    for path in sorted((read | declared) - inputs):
        yield "only inputs that Snakemake plans", f"{path} too"
    if inputs == read == declared and job.input != record.input:
        yield f"its inputs as {_text(job.input)}", _text(record.input)
    for name in ("wildcards", "log", "benchmark"):
        if getattr(job, name) != getattr(record, name):
            yield f"{name} {_text(getattr(job, name))}, as planned", _text(getattr(record, name))
    yield from _params(record, job)


def _params(record: Record, job: Job) -> Iterator[tuple[str, str]]:
    """Values that are not as planned. Code is compared by itself, module by module."""
    planned = {name: one for name, one in job.params.items() if name != "code"}
    had = {name: one for name, one in record.params.items() if name != "code"}
    for name in sorted({*planned, *had}):
        if name not in had or name not in planned or had[name] != planned[name]:
            yield f"{name} = {_short(planned, name)}, as planned", _short(had, name)
    if record.seed != record.params.get("seed"):
        yield f"seed {record.params.get('seed')}, as its params say", f"seed {record.seed}"


def _short(values: Mapping[str, Any], name: str) -> str:
    return _text(values[name]) if name in values else "none"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


@cache
def scale_threads(models: str) -> Mapping[str, int]:
    """Rule → threads that the profiles give it with a set of base models."""
    from toffee.launch.profiles import PROFILES, resources_of

    if not (PROFILES / "resources" / f"{models}.yaml").is_file():
        return {}
    return resources_of(models).get("set-threads") or {}
