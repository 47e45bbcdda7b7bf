"""The failures of a run, printed at its end: jobs that failed, why, and their last lines."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toffee.provenance.digests import read_json
from toffee.provenance.paths import LOGS, RECORDS, STARTED

LINES = 5  # of a log
FATAL = re.compile(r"^Fatal Python error: (.+)$", re.M)
"""What Python writes into a log where an uncaught signal ends it; a stack follows."""
KILLED = {
    "Bus error": "killed by SIGBUS: a file that it read was cut off, or a disk failed",
    "Segmentation fault": "killed by SIGSEGV, in a library: the log says where",
}


@dataclass(frozen=True)
class Failure:
    """A job that did not end well.

    Attributes:
        log: path of its log.
        attempts: how often it was started.
        tail: the last lines of its log.
        cause: what the cluster says of its end; "" where no cluster ran it.
    """

    log: str
    attempts: int
    tail: list[str]
    cause: str = ""

    @property
    def name(self) -> str:
        """Rule and wildcards, as the log's path has them."""
        name = self.log.partition(f"/{LOGS}/")[2] or self.log
        return name.removesuffix(".log").replace("/", " ")


@dataclass(frozen=True)
class Death:
    """The end of a submission, as the cluster tells it.

    Attributes:
        log: log of the job that it ended in.
        logs: logs of all its jobs; one, but for a group.
        cause: one line.
        attempts: how often it was submitted.
        began: when it began, in seconds since 1970; infinite where it did not.
        slurm_log: SLURM's own log of it; "" for none.
    """

    log: str
    logs: tuple[str, ...]
    cause: str
    attempts: int
    began: float
    slurm_log: str


_deaths: dict[str, Death] = {}
"""Log of each of its jobs → the last submission, if it failed."""


def note(death: Death) -> None:
    """Keep what the cluster said of a failed submission."""
    for log in death.logs:
        _deaths[log] = death


def forget(log: str) -> None:
    """The job of this log has succeeded."""
    _deaths.pop(log, None)


def deaths() -> list[Death]:
    """What is kept, without those of earlier attempts."""
    return list(dict.fromkeys(_deaths.values()))


def failures(root: str | Path, since: float) -> list[Failure]:
    """The jobs whose last attempt began or failed after a time and that have not succeeded since.

    Args:
        root: results folder.
        since: seconds since 1970.
    """
    found = []
    for mark in sorted(Path(root, RECORDS).rglob(f"*{STARTED}")):
        if not mark.is_file():
            continue  # a job that still runs has just ended
        if mark.stat().st_mtime >= since:
            content = read_json(mark)
            if "log" in content:
                tail = _tail(Path(content["log"]))
                found.append(Failure(content["log"], len(content["attempts"]), tail))
    return found


def with_causes(found: Iterable[Failure], ends: Iterable[Death]) -> list[Failure]:
    """Failures with what the cluster says of them. A job that died before its script began (no
    memory for the imports, time limit, lost node) has left no mark: the cluster alone tells of it.
    """
    merged = {one.log: one for one in found}
    for death in ends:
        marked = [log for log in death.logs if log in merged]
        log = marked[0] if marked else death.log
        began = Path(log).is_file() and Path(log).stat().st_mtime >= death.began
        slurm_log = Path(death.slurm_log)
        tail = _tail(Path(log)) if began else _tail(slurm_log) if death.slurm_log else []
        attempts = max(death.attempts, merged[log].attempts if marked else 0)
        merged[log] = Failure(log, attempts, tail, death.cause)
    return list(merged.values())


def format_failures(found: list[Failure]) -> str:
    """The failures as text for a terminal; empty where there are none."""
    if not found:
        return ""
    lines = [f"{len(found)} job{'s' if len(found) > 1 else ''} failed:"]
    for one in found:
        times = f", {one.attempts} attempts" if one.attempts > 1 else ""
        log = f" ({one.log})" if one.log != one.name else ""
        lines.append(f"  {one.name}{times}{log}")
        lines += [f"    {line}" for line in [*filter(None, [one.cause]), *one.tail]]
    return "\n".join(lines) + "\n"


def _tail(log: Path) -> list[str]:
    if not log.is_file():
        return ["(no log)"]
    text = log.read_text(encoding="utf-8", errors="replace")
    if fatal := FATAL.search(text):
        before = text[: fatal.start()].splitlines()[1 - LINES :]
        return [*before, KILLED.get(fatal[1], f"killed: {fatal[1]}")]
    return text.splitlines()[-LINES:] or ["(the log is empty: it was killed before its first line)"]
