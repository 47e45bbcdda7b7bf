"""What a Snakemake that was killed leaves behind, taken over by the next one: its lock, and the
jobs that it had submitted.

Snakemake's lock does not say whose it is. So each process notes that it is there, in a file that it
holds locked as long as it lives; one that nobody holds is of a process that was killed. The note
says how the process names its jobs on the cluster: those that still run there would write the files
of the new run's jobs, so they are cancelled. They save what they have (see
`toffee.runtime.signals`), and the new ones go on from there.

Wherever another process is there, or may be there on another machine, all is left as it is.
"""

import atexit
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import remove

STATE = Path(".snakemake")
PATIENCE = 60  # seconds that SLURM may take to answer
GONE_WITHIN = 300  # seconds that cancelled jobs may take to end; SLURM's KillWait is 30 by default

_held: list[TextIO] = []
"""Open files: their locks last as long as this process."""


def take_over(root: str | Path) -> None:
    """Note that this process works on a results folder, and take over from those that were killed.

    Before the plan is made: what abandoned jobs still finish, and what they leave unfinished, has
    to be in it.

    Args:
        root: results folder; runs of other scales keep their locks and their jobs.

    Raises:
        ToffeeError: this user cannot write here, SLURM does not answer, or jobs of the earlier run
            do not end.
    """
    folder = STATE / "toffee" / "processes" / Path(root).name
    me = f"{socket.gethostname()}-{os.getpid()}"
    _note(folder / me)
    others = [path for path in folder.iterdir() if path.name != me]
    killed = [path for path in others if _is_free(path)]
    locks = [lock for lock in (STATE / "locks").glob("*.lock") if _is_below(lock, root)]
    if len(killed) < len(others):
        far = [path for path in others if _host(path) != _host(folder / me)]
        if locks and far:
            names = " and ".join(path.name for path in far)
            print(
                f"{root} may be in use by {names} (host-process); if that is no more: "
                f"rm {' '.join(map(str, far))}; snakemake --unlock",
                file=sys.stderr,
            )
        return
    if not killed:
        return
    for lock in locks:
        lock.unlink(missing_ok=True)
    if locks:
        names = " and ".join(path.name.rpartition("-")[2] for path in killed)
        print(f"{root}: took over from process {names}, which was killed", file=sys.stderr)
    _cancel({name for path in killed for name in path.read_text().split()})
    for path in killed:
        path.unlink(missing_ok=True)


def note_run(name: str) -> None:
    """Note how this process names its jobs on the cluster, for the next one to find them.

    The marks of incomplete files do not tell: each step of a group that begins takes the number of
    its job out of its mark.

    Args:
        name: the `--job-name` of all jobs that this process submits.
    """
    for file in _held:
        file.write(f"{name}\n")
        file.flush()


def _note(path: Path) -> None:
    """Hold a file locked until this process ends; a file system without locks does without.

    Raises:
        ToffeeError: this user cannot write here.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "w")  # noqa: SIM115 - open as long as the process
    except OSError as error:
        line = f"cannot write {STATE}: {error.strerror}; a run keeps its state here, -n only plans"
        raise ToffeeError(line) from error
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _held.append(file)
    atexit.register(remove, path.absolute())


def _is_free(path: Path) -> bool:
    """Whether the process of a note is one of this machine that is no more."""
    if _host(path) != socket.gethostname():
        return False
    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or gone, or no locks here
        return False
    return True


def _host(path: Path) -> str:
    return path.name.rpartition("-")[0]


def _cancel(runs: set[str]) -> None:
    """Cancel the jobs of runs that are still on the cluster, and wait until they are gone."""
    if not runs or not shutil.which("squeue"):
        return
    present = _present(runs)
    if not present:
        return
    jobs = f"{len(present)} job{'s' if present[1:] else ''} of an earlier Snakemake"
    print(f"cancelling {jobs}: {' '.join(present)}", file=sys.stderr)
    subprocess.run(["scancel", *present], check=False)
    if not _wait(lambda: not _present(runs), GONE_WITHIN):
        raise ToffeeError(f"SLURM jobs {' '.join(present)} do not end after scancel")


def _present(runs: set[str]) -> list[str]:
    """Numbers of the jobs of these runs that wait or run.

    Raises:
        ToffeeError: SLURM does not answer.
    """
    answers: list[str] = []

    def answered() -> bool:
        command = ["squeue", "--me", "--noheader", "--format=%i|%j"]
        done = subprocess.run(command, capture_output=True, text=True)
        answers[:] = [done.stdout]
        return done.returncode == 0

    if not _wait(answered, PATIENCE):
        raise ToffeeError(
            "SLURM does not answer (squeue), and jobs of a Snakemake that was killed may still "
            f"run, named {' '.join(sorted(runs))}; start again when it does"
        )
    rows = [line.strip().partition("|") for line in answers[0].splitlines()]
    return sorted(number for number, _, name in rows if name in runs)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def _is_below(lock: Path, root: str | Path) -> bool:
    """Whether a lock of Snakemake's holds files of a results folder."""
    with open(lock, encoding="utf-8") as lines:
        return any(line.startswith(f"{root}/") for line in lines)
