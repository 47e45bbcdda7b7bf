"""What a Snakemake that was killed leaves behind, taken over by the next one: its lock, and the
jobs that it had submitted.

Snakemake's lock does not say whose it is, so each run notes that beside it. A lock goes away if its
owner was on this machine and is no more; what another machine holds is left to the user. Jobs that
still run on the cluster would write the files of the new run's jobs, so they are cancelled:
they put down what they have (see `toffee.interruption`), and the new ones go on from there.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from toffee.errors import ToffeeError
from toffee.files import write_text

STATE = Path(".snakemake")
GONE_WITHIN = 300  # seconds that cancelled jobs may take to end; SLURM's KillWait is 30 by default


def take_over(root: str | Path) -> None:
    """Take over from a run that was killed, and note this one as the owner of what comes.

    Before the plan is made: what abandoned jobs still finish, and what they leave unfinished, has
    to be in it.

    Args:
        root: results folder; runs of other scales keep their locks and their jobs.

    Raises:
        ToffeeError: jobs of the earlier run do not end.
    """
    mark = STATE / "toffee" / f"{Path(root).name}.owner.json"
    me = {"host": socket.gethostname(), "pid": psutil.Process().pid, "start": _start_of()}
    owner = json.loads(mark.read_text()) if mark.is_file() else None
    if not _take_lock(root, owner, me["host"]):
        return
    write_text(mark, json.dumps(me) + "\n")
    _cancel(_submitted(root))


def _take_lock(root: str | Path, owner: Mapping[str, Any] | None, host: str) -> bool:
    """Remove the lock of an owner that is no more; whether nothing is locked then."""
    locks = [lock for lock in (STATE / "locks").glob("*.lock") if _is_below(lock, root)]
    if not locks:
        return True
    if owner is None:
        return False
    if owner["host"] != host:
        print(
            f"{root} is locked by process {owner['pid']} on {owner['host']}; if that is no more: "
            "snakemake --unlock",
            file=sys.stderr,
        )
        return False
    if _start_of(owner["pid"]) == owner["start"]:
        return False  # it runs, and Snakemake will say so
    for lock in locks:
        lock.unlink(missing_ok=True)
    print(f"{root}: took over from process {owner['pid']}, which was killed", file=sys.stderr)
    return True


def _submitted(root: str | Path) -> set[str]:
    """SLURM's numbers of jobs below a results folder that no Snakemake has seen end."""
    found = set()
    marks = STATE / "incomplete"
    for mark in marks.rglob("*"):
        if mark.is_file():
            # Snakemake cuts long names into folders that begin with @.
            parts = mark.relative_to(marks).parts
            name = "".join(part.removeprefix("@") for part in parts[:-1]) + parts[-1]
            try:
                output = urlsafe_b64decode(name).decode()
                number = json.loads(mark.read_text()).get("external_jobid")
            except (ValueError, AttributeError, OSError):
                continue  # not one of Snakemake's marks
            if number and output.startswith(f"{root}/"):
                found.add(str(number))
    return found


def _cancel(submitted: set[str]) -> None:
    """Cancel those jobs that are still on the cluster, and wait until they are gone."""
    if not submitted or not shutil.which("squeue"):
        return
    present = _present(submitted)
    if not present:
        return
    numbers = sorted(present)
    jobs = f"{len(numbers)} job{'s' if numbers[1:] else ''} of an earlier Snakemake"
    print(f"cancelling {jobs}: {' '.join(numbers)}", file=sys.stderr)
    subprocess.run(["scancel", *numbers], check=False)
    if not _wait(lambda: not _present(present), GONE_WITHIN):
        raise ToffeeError(f"SLURM jobs {' '.join(numbers)} do not end after scancel")


def _present(jobs: Iterable[str]) -> set[str]:
    """Those of the jobs that wait or run."""
    command = ["squeue", "--me", "--noheader", "--format=%A|%i"]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line.strip().split("|") for line in done.stdout.splitlines()]
    known = set(jobs)
    return {job for _, job in lines if job in known} | {job for job, _ in lines if job in known}


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(1)
    return False


def _start_of(pid: int | None = None) -> float | None:
    """When a process began, which tells it from a later one of the same number; None for none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _is_below(lock: Path, root: str | Path) -> bool:
    """Whether a lock of Snakemake's holds files of a results folder."""
    with open(lock, encoding="utf-8") as lines:
        return any(line.startswith(f"{root}/") for line in lines)
