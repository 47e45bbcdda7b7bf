"""What Snakemake plans from the checkout, with the values of the runs that filled a folder.

The values are those that the run's command line laid over the checkout's configuration; the records
hold them.
"""

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toffee.launch.adopt import ONLY_PLANNING
from toffee.launch.dag import Job, planned_jobs
from toffee.provenance.code import COMMANDS
from toffee.provenance.paths import RESULTS, SHARED
from toffee.provenance.record import files_of
from toffee.provenance.reroot import rerooted
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError

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


Run = tuple[list[Record], bool]
"""The records that one plan is for, the newest first, and whether it is the zoo's."""


def runs_of(results: Results) -> list[Run]:
    """The runs that filled a folder, the newest first: jobs with equal values have one plan. None
    of drawings, which no rule plans."""
    if drawn_alone(results):
        return []
    groups: dict[tuple[str, str, bool], list[Record]] = defaultdict(list)
    for name, record in reversed(results.records.items()):
        zoo = results.roots[name] == ZOO_ROOT
        groups[record.config, _given(results, record), zoo].append(record)
    return [(records, zoo) for (_, _, zoo), records in groups.items()]


def plan_newest(results: Results) -> Plan | ToffeeError | None:
    """The plan of the newest run, see `plan_run`; None of drawings, and where no record is left.

    It takes seconds, nearly all of them in a process of its own, so that a thread may call this
    while something else is checked. Of the newest run alone: how many there are is up to the
    folder, and a plan that is begun is waited for, also after Ctrl-C.
    """
    if drawn_alone(results) or not results.records:
        return None
    name, record = next(reversed(results.records.items()))
    return plan_run(results, record, results.roots[name] == ZOO_ROOT)


def plan_run(results: Results, record: Record, zoo: bool) -> Plan | ToffeeError:
    """What Snakemake plans with the values of a record's run, or why there is no plan."""
    try:
        return _plan(results, record, zoo)
    except ToffeeError as error:
        return error


def drawn_alone(results: Results) -> bool:
    """Whether all records are of `toffee draw` and `toffee edit`."""
    found = results.records.values()
    return bool(found) and all(record.rule in COMMANDS for record in found)


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
