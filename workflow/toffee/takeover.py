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
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from toffee.errors import ToffeeError
from toffee.files import write_text

STATE = Path(".snakemake")
GONE_WITHIN = 300  # seconds that cancelled jobs may take to end; SLURM's KillWait is 30 by default


def take_lock(root: str | Path) -> None:
    """Remove the lock of a run that was killed, and note this one as the owner of the next.

    Args:
        root: results folder; runs of other scales keep their locks.
    """
    mark = STATE / "toffee" / f"{Path(root).name}.owner.json"
    me = {"host": socket.gethostname(), "pid": psutil.Process().pid, "start": _start_of()}
    owner = json.loads(mark.read_text()) if mark.is_file() else None
    locks = [lock for lock in (STATE / "locks").glob("*.lock") if _is_below(lock, root)]
    if owner and locks:
        if owner["host"] != me["host"]:
            print(
                f"{root} is locked by process {owner['pid']} on {owner['host']}; if that is no "
                "more: snakemake --unlock",
                file=sys.stderr,
            )
            return
        if _start_of(owner["pid"]) == owner["start"]:
            return  # it runs, and Snakemake will say so
        for lock in locks:
            lock.unlink(missing_ok=True)
        print(f"{root}: took over from process {owner['pid']}, which was killed", file=sys.stderr)
    write_text(mark, json.dumps(me) + "\n")


def cancel_abandoned(submitted: Iterable[str]) -> None:
    """Cancel jobs of an earlier run that are still on the cluster, and wait until they are gone.

    Args:
        submitted: SLURM's numbers of jobs that the earlier run never saw end.

    Raises:
        ToffeeError: they do not end.
    """
    submitted = set(submitted)
    if not submitted or not shutil.which("squeue"):
        return
    present = _present(submitted)
    if not present:
        return
    print(
        f"cancelling {len(present)} jobs of an earlier Snakemake: {' '.join(sorted(present))}",
        file=sys.stderr,
    )
    subprocess.run(["scancel", *sorted(present)], check=False)
    if not _wait(lambda: not _present(present), GONE_WITHIN):
        raise ToffeeError(f"SLURM jobs {' '.join(sorted(present))} do not end after scancel")


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
