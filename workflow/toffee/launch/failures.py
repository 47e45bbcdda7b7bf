"""The failures of a run, printed at its end: jobs that failed, and their last lines."""

from dataclasses import dataclass
from pathlib import Path

from toffee.provenance.digests import read_json
from toffee.provenance.paths import LOGS, RECORDS, STARTED

LINES = 5  # of a log


@dataclass(frozen=True)
class Failure:
    """A job that did not end well.

    Attributes:
        log: path of its log.
        attempts: how often it was started.
        tail: the last lines of its log.
    """

    log: str
    attempts: int
    tail: list[str]

    @property
    def name(self) -> str:
        """Rule and wildcards, as the log's path has them."""
        return self.log.partition(f"/{LOGS}/")[2].removesuffix(".log").replace("/", " ")


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


def format_failures(found: list[Failure]) -> str:
    """The failures as text for a terminal; empty where there are none."""
    if not found:
        return ""
    lines = [f"{len(found)} job{'s' if len(found) > 1 else ''} failed:"]
    for one in found:
        times = f", {one.attempts} attempts" if one.attempts > 1 else ""
        lines.append(f"  {one.name}{times} ({one.log})")
        lines += [f"    {line}" for line in one.tail]
    return "\n".join(lines) + "\n"


def _tail(log: Path) -> list[str]:
    if not log.is_file():
        return ["(no log)"]
    text = log.read_text(encoding="utf-8", errors="replace")
    return text.splitlines()[-LINES:] or ["(the log is empty: it was killed before its first line)"]
