"""A check of tier graph: every job did what Snakemake plans from this checkout, with these values.

The checkout plans with the values that the run's command line laid over its configuration, which
the records hold. A job and all that it was made from have to be as that plan has them: a gate that
was checked with another tolerance is not the one that the tables were planned behind.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes, leaves
from toffee.audit.plans import Plan, drawn_alone, plan_run, runs_of
from toffee.launch.dag import Job
from toffee.provenance.paths import CONFIGS, RECORDS
from toffee.provenance.record import files_of
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError

TIER = "graph"


def check_plan(
    results: Results, notes: Notes, newest: Callable[[], Plan | ToffeeError | None] | None = None
) -> Iterator[Finding]:
    """The jobs, their inputs and their values are those of the plan that each was made by.

    newest: gives what `plan_newest` does, where it was begun before.
    """
    if drawn_alone(results):
        notes.add("graph: no plan, these are drawings of toffee draw and toffee edit")
        return
    found: dict[Finding, None] = {}
    plans: list[Plan] = []
    for number, (records, zoo) in enumerate(runs_of(results)):
        begun = newest() if newest is not None and number == 0 else None
        plan = begun or plan_run(results, records[0], zoo)
        if isinstance(plan, ToffeeError):
            path = f"{RECORDS}/{CONFIGS}/{records[0].config}.json"
            finding = Finding(TIER, path, "a configuration that Snakemake plans", str(plan))
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
