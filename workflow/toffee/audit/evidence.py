"""A check of tier graph: what a record says of its job is what else there is to know of it.

Times, costs and attempts are written more than once: in the record, by Snakemake in the benchmark,
and in the job's log. Who changes one of them has to change all. What is written in the record alone
(the names of user and machine, say) is compared with nothing else, but the log names the digest of
the record: who changes anything has to change the log too.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.launch.job import DONE
from toffee.provenance.code import COMMANDS
from toffee.provenance.digests import read_text
from toffee.provenance.paths import RECORDS
from toffee.provenance.results import Results
from toffee.provenance.schema import Attempt, Record
from toffee.runtime.errors import ToffeeError

TIER = "graph"
CLOCKS = timedelta(minutes=5)
"""By how much the clock of the machine that ran a job may be before the auditor's."""

EXACT = 0.1
"""Seconds between the end of a job and what is written of its length, which one clock gives."""

ROUNDING = 2.0
"""Seconds between two measures of the same time: systems know their own start, from which they
reckon that of processes, to a second."""

LEAVING = 5.0
"""CPU seconds that a process may take after it has its record, to take its libraries apart; seen
were 1.4."""

AROUND = 300.0
"""Seconds that a process may take before its job begins and after it has its record: libraries on a
cluster's shared file system may take minutes to import. On a busy machine more, in proportion
(`SHARE`)."""
SHARE = 0.1
BUSY = 4
"""Cores that a thread of a job may keep busy: others encode pictures and wait for a GPU."""


def check_evidence(results: Results, notes: Notes) -> Iterator[Finding]:
    """Compare each record with itself, its benchmark, its log, and the checkout it ran from."""
    now = datetime.now(UTC)
    without, silent, unnamed = 0, 0, 0
    for name, record in {**results.records, **results.earlier}.items():
        found = [*_of_times(record, now), *_of_machine(record), *_of_costs(record)]
        found += _of_outputs(record)
        if name in results.records:
            benchmark = _benchmark(results, record)
            said = _last_line(results, record)
            without, silent = without + (benchmark is None), silent + (said is None)
            unnamed += said is not None and said[3] is None
            found += [*_of_benchmark(record, benchmark or {}), *_of_log(record, said)]
            found += _of_threads(results, record)
        for expected, was in found:
            yield Finding(TIER, f"{RECORDS}/{name}", expected, was)
    if without:
        notes.add(f"jobs without a benchmark to compare their times with: {without}")
    if silent:
        notes.add(f"jobs without a log that says how long they took: {silent}")
    if unnamed:
        notes.add(f"jobs whose log does not name their record: {unnamed}")


def _of_times(record: Record, now: datetime) -> Iterator[tuple[str, str]]:
    if max(record.start, record.end) > now + CLOCKS:
        yield f"times before now ({now:%Y-%m-%d %H:%M})", f"{max(record.start, record.end)}"
    wall = (record.end - record.start).total_seconds()
    if abs(wall - record.seconds) > EXACT:
        yield f"{wall:.3f} seconds, from its start to its end", f"{record.seconds:.3f}"
    for attempt in record.earlier:
        if attempt.start > record.start:
            yield f"earlier attempts before its start {record.start}", f"one at {attempt.start}"
        elif (attempt.seconds or 0) > (record.start - attempt.start).total_seconds() + ROUNDING:
            expected = f"an attempt at {attempt.start} that ended before {record.start}"
            yield expected, f"one of {attempt.seconds} seconds"
    if record.attempt != len(record.earlier) + 1:
        yield f"attempt {len(record.earlier) + 1}, after those listed", f"attempt {record.attempt}"


def _of_outputs(record: Record) -> Iterator[tuple[str, str]]:
    """Whether its files were there when it ended."""
    latest = (record.end.timestamp() + CLOCKS.total_seconds()) * 1e9
    for path, made in record.outputs.items():
        files = made.files.values() if isinstance(made.files, dict) else ()
        time = max((one.mtime_ns for one in files), default=made.mtime_ns or 0)
        if time > latest:
            expected = f"{path} as it was when the job ended, {record.end}"
            yield expected, f"{time} ns since 1970"


def _of_machine(record: Record) -> Iterator[tuple[str, str]]:
    """Whether its device and its seconds on GPUs fit."""
    if record.device == "cpu" and record.gpu_seconds:
        yield "no GPU seconds on a CPU", f"{record.gpu_seconds}"
    if record.device != "cpu" and record.seconds and not record.gpu_seconds:
        yield f"GPU seconds on {record.device}", "none"


def _of_costs(record: Record) -> Iterator[tuple[str, str]]:
    """Whether so much can be computed in its time, and in that of the attempts before it."""
    spent: list[Record | Attempt] = [record, *record.earlier]
    for one in spent:
        seconds, gpu = one.seconds or 0.0, one.gpu_seconds or 0.0
        most = BUSY * record.threads * record.processes * seconds + ROUNDING
        if (one.cpu_seconds or 0.0) > most:
            expected = f"at most {most:.0f} CPU seconds of its threads in {seconds} seconds"
            yield expected, f"{one.cpu_seconds}"
        if abs(gpu - seconds * round(gpu / (seconds or 1.0))) > ROUNDING:
            yield f"its {seconds} seconds times a number of GPUs", f"{gpu} GPU seconds"


def _benchmark(results: Results, record: Record) -> Mapping[str, float] | None:
    """The numbers of a job's benchmark; None where there is none that can be read."""
    try:
        lines = read_text(results.place(record.benchmark)).splitlines()
        rows = list(csv.DictReader(lines, delimiter="\t"))
        return {name: float(rows[-1][name]) for name in ("s", "cpu_time")}
    except (ToffeeError, LookupError, ValueError, TypeError, csv.Error):
        return None


def _of_benchmark(record: Record, measured: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    wall, cpu = measured.get("s"), measured.get("cpu_time")
    if wall is not None and not _near(record.seconds, wall):
        yield f"about {wall} seconds, as its benchmark has", f"{record.seconds}"
    # Snakemake looks now and then: it may see less than all, but never more.
    if cpu is not None and cpu > record.cpu_seconds + LEAVING:
        yield f"{cpu} CPU seconds at least, as its benchmark has", f"{record.cpu_seconds}"


def _last_line(results: Results, record: Record) -> re.Match[str] | None:
    """The last line of a log says how long its job took; None where there is none such."""
    try:
        lines = read_text(results.place(record.log)).strip().splitlines()
    except ToffeeError:
        return None
    return DONE.fullmatch(lines[-1]) if lines else None


def _of_log(record: Record, said: re.Match[str] | None) -> Iterator[tuple[str, str]]:
    if said and said[1] != record.job:
        yield f"the job of its log, {said[1]}", record.job
    elif said and not _near(float(said[2]), record.seconds):
        yield f"about {said[2]} seconds, as its log says", f"{record.seconds}"
    if said and said[3] and not record.sha256.startswith(said[3]):
        yield f"the record {said[3]}…, which its log names", f"{record.sha256[:16]}…"


def _near(inner: float, outer: float) -> bool:
    """Whether a time can be the part of another that a process spends on its job."""
    return inner - ROUNDING <= outer <= inner * (1 + SHARE) + AROUND


def _of_threads(results: Results, record: Record) -> Iterator[tuple[str, str]]:
    """No more threads than its rule or a profile gives it; a command takes what the machine has."""
    if record.rule in COMMANDS:
        return
    try:
        config = results.config(record)
        models = str((config.get("models") or {}).get("set"))
        most = max(1, int(scale_threads(models).get(record.rule, 1)))
        command = results.kept(record.run, "a command line")["command"] if record.run else []
    except (ToffeeError, LookupError, AttributeError, ValueError):
        return  # a finding by itself
    options = ("--set-threads", "--profile", "--workflow-profile")
    own = any(str(word).startswith(options) for word in command)
    if record.threads > most and not own:
        yield f"at most {most} threads, as its rule and the profiles say", f"{record.threads}"


@cache
def scale_threads(models: str) -> Mapping[str, int]:
    """Rule → threads that the profiles give it with a set of base models."""
    from toffee.launch.profiles import PROFILES, resources_of

    if not (PROFILES / "resources" / f"{models}.yaml").is_file():
        return {}
    return resources_of(models).get("set-threads") or {}
