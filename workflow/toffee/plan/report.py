"""The plan of a run: what each rule takes, with totals, and what the figures rest on."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from toffee.config import Config, load_catalogue, load_config
from toffee.data.importers.survey import survey
from toffee.launch.dag import Job, NoPlan, Planning
from toffee.launch.profiles import jobs_at_once
from toffee.plan.architectures import Architectures, import_libraries
from toffee.plan.clock import wall_clock
from toffee.plan.counts import KEPT, Counts
from toffee.plan.download import DREAMBENCH, Downloads
from toffee.plan.memory import Memory
from toffee.plan.preflight import Findings, look, look_at_gpus, needs_at_most, needs_of
from toffee.plan.sizes import Sizes
from toffee.plan.speed import Speed, asks_for_gpus, read_speed
from toffee.plan.storage import Storage
from toffee.plan.work import Work
from toffee.runtime.environment import without_garbage_collection
from toffee.runtime.signals import stop_if_interrupted

TERA, HOUR = 1e12, 3600
PRETRAINING = ("pretrain_refiner", "pretrain_view_generator")


@dataclass(frozen=True)
class Row:
    """What the jobs of a rule take, all together; bytes.

    `hours` are those of the device (see `Plan`). `while_running` is on disk until they end, as if
    all of them ran at once. `temporary` is what they leave and what is removed once it is read, of
    all jobs. `memory` is what one of them, or one of its processes, needs at most of
    a GPU; on a CPU it needs more, the libraries' own.
    """

    rule: str
    jobs: int = 0
    hours: float = 0.0
    download: int = 0
    store: int = 0
    while_running: int = 0
    memory: int = 0
    temporary: int = 0

    def at_once(self, shards: int) -> int:
        """The temporary bytes that are there at once, of so many shards."""
        return round(self.temporary * min(1, shards / max(self.jobs, 1)))

    def __add__(self, other: "Row") -> "Row":
        mine, others = asdict(self), asdict(other)
        sums = {name: mine[name] + others[name] for name in mine if name != "rule"}
        return Row(self.rule, **sums | {"memory": max(self.memory, other.memory)})


@dataclass
class Plan:
    """The rows of a plan, and what they rest on.

    Attributes:
        scale: name of the run.
        rows: a rule each.
        notes: what the figures rest on, a line each.
        room: free bytes of the disk of the results.
        findings: whether its sources are there (see `toffee.plan.preflight`).
        device: what computes, "GPU" or "CPU".
        found: of the user's own subjects, a line each.
        shards: how many are at work at once.
    """

    scale: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    room: int = 0
    findings: Findings = field(default_factory=Findings)
    device: str = "GPU"
    found: list[str] = field(default_factory=list)
    shards: int = 1

    @property
    def total(self) -> Row:
        """The sum of all rows."""
        return replace(sum(self.rows, Row("total")), while_running=self.at_once)

    @property
    def at_once(self) -> int:
        """The most that running jobs hold: the two generators, the ToffeeNets, or the shards that
        are at work, side by side."""
        generators = sum(row.while_running for row in self.rows if row.rule in PRETRAINING)
        others = [row.while_running for row in self.rows if row.rule not in PRETRAINING]
        stages = sum(row.at_once(self.shards) for row in self.rows)
        return max([generators, stages, *others])

    @property
    def needed(self) -> int:
        """Bytes that the disk has to have room for."""
        return self.total.store + self.at_once

    def content(self) -> dict[str, Any]:
        """As JSON."""
        total = self._named(self.total) | {"needed": self.needed, "room": self.room}
        rows = [self._named(row) for row in self.rows]
        return {
            "scale": self.scale,
            "device": self.device,
            "rules": rows,
            "total": total,
            "found": self.found,
            "notes": self.notes,
            "faults": self.findings.faults,
            "unchecked": self.findings.notes,
        }

    def _named(self, row: Row) -> dict[str, Any]:
        """A row as JSON, whose hours and memory say of what they are."""
        of_device = {"hours", "memory"}
        device = self.device.lower()
        return {f"{device}_{k}" if k in of_device else k: v for k, v in asdict(row).items()}


def plan_run(
    arguments: Sequence[str], project: Path, bench: Path | None = None
) -> tuple[Plan, Config]:
    """Plan a run, of which nothing is started, and look whether it can start.

    Where Snakemake has no plan because something is missing that rules read, the plan has no rows,
    and its findings say all that is missing.

    Args:
        arguments: options and targets of Snakemake.
        project: the folder of the Snakefile.
        bench: file of `make bench`; by default the newest, of a GPU where rules ask for one.

    Raises:
        ToffeeError: there is no plan for another reason, or an architecture is not known.
    """
    with without_garbage_collection(), Planning(arguments, project) as planning:
        import_libraries()
        try:
            config = load_config(planning.config())
            sources = load_catalogue(project / config.models.catalogue, config.models.set)
            results = project / "results" / config.scale
            models = Architectures(sources, project / config.models.zoo, results / "models")
            counts = Counts(models, config)
            counts.count_ahead(project, planning.ended)
            jobs = [job for job in planning.jobs() if job.runs]
        except NoPlan as error:
            return _without_jobs(error, project)
    gpus = asks_for_gpus(project, config.models.set)
    device = "GPU" if gpus else "CPU"
    speed = read_speed(config.plan.sustained_tflops.model_dump(), project, bench, gpus)
    sizes, downloads = Sizes(config, jobs, project), Downloads(models, project / config.models.lock)
    work = Work(config, counts.costs, sizes)
    rows = tally(jobs, work, counts.memory, downloads, speed)
    spent = [work.by_precision(job) for job in {alike(job): job for job in jobs}.values()]
    used = sorted({dtype for one in spent for dtype, flops in one.items() if flops})
    notes = (
        [f"{device} hours: FLOPs counted from the architectures; speed {speed.said(used)}"]
        if used
        else []
    )
    notes[:0] = [wall_clock(((row.jobs, row.hours) for row in rows), gpus)]
    if downloads.estimated:
        names = ", ".join(downloads.estimated)
        notes.append(f"download sizes of {names}: estimates, 4 bytes a parameter")
    notes.append(
        "to store: every candidate counts as accepted, the most that the filter can let in"
    )
    kept_out = "CUDA's own and what fragmentation wastes" if gpus else "the libraries' own"
    notes.append(f"{device} memory: of one process, counted; without {kept_out}")
    notes.append("while running: encoded data and checkpoint of trainings, as if side by side")
    shards = jobs_at_once("slurm")
    if any(row.temporary for row in rows):
        notes.append(
            f"and of {shards} shards, as many as profile slurm has at work, what is removed once a "
            "shard is scored: files of its stages (config synthesis.keep_stages), and what one job "
            "keeps to resume (synthesis.one_job)"
        )
    notes += sizes.notes
    needs = needs_of(((one.rule, one.wildcards, one.input) for one in jobs), config, sources)
    found = survey(config)
    findings = look(needs, config, sources, Path(os.path.relpath(project)), found)
    plan = Plan(config.scale, rows, notes, free(results), findings, device, found.lines, shards)
    if gpus and plan.total.memory:
        look_at_gpus({row.rule: row.memory for row in rows}, findings)
    return plan, config


def _without_jobs(error: NoPlan, project: Path) -> tuple[Plan, Config]:
    """What can be said of a run that Snakemake cannot plan.

    Raises:
        NoPlan: nothing.
    """
    if error.values is None:
        raise error
    config = load_config(error.values)
    sources = load_catalogue(project / config.models.catalogue, config.models.set)
    results = project / "results" / config.scale
    needs = needs_at_most(config, sources, results)
    found = survey(config)
    findings = look(needs, config, sources, Path(os.path.relpath(project)), found)
    if not findings.faults:
        raise error
    findings.unchecked("hours, memory and room: there is no plan while something is missing")
    plan = Plan(config.scale, [], room=free(results), findings=findings, found=found.lines)
    return plan, config


def tally(
    jobs: Sequence[Job], work: Work, memory: Memory, downloads: Downloads, speed: Speed
) -> list[Row]:
    """Add up what jobs take, by rule, in the order of the jobs."""
    storage = Storage(work)
    rows: dict[str, Row] = {}
    seen: dict[tuple, Row] = {}
    for job in jobs:
        key = alike(job)
        if key not in seen:
            stop_if_interrupted(KEPT)
            spent = work.by_precision(job).items()
            hours = sum(flops / speed.tflops(dtype) for dtype, flops in spent) / TERA / HOUR
            fetched = fetched_bytes(job, downloads)
            kept = storage.kept(job) if job.rule != "download_dreambench" else fetched
            sizes = kept, storage.while_running(job), memory.needed(job), storage.temporary(job)
            row = Row(job.rule, 1, hours, fetched, *sizes)
            seen[key] = row
        rows[job.rule] = rows.get(job.rule, Row(job.rule)) + seen[key]
    return list(rows.values())


def alike(job: Job) -> tuple[Any, ...]:
    """What jobs that take the same have in common: jobs of a rule differ in their wildcards alone,
    and all shards are alike."""
    return (job.rule, *sorted((k, v) for k, v in job.wildcards.items() if k != "shard"))


def fetched_bytes(job: Job, downloads: Downloads) -> int:
    """Bytes that a job downloads."""
    if job.rule == "download_model":
        return downloads.model(job.wildcards["role"])
    return DREAMBENCH if job.rule == "download_dreambench" else 0


def free(folder: Path) -> int:
    """Free bytes of the disk that a folder is, or will be, on."""
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
