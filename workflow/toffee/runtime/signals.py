"""On SIGTERM, and on Ctrl-C (SIGINT), finish the batch, save and exit.

A cluster sends SIGTERM before it takes a machine away: `scancel`, a time limit with `--signal`,
preemption and a shutdown. A job that saves nothing ends at once. A job that can resume later works
inside `defer_sigterm`: it checks for the signal between two batches, when all finished work is on
disk.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_STATUS = 128 + signal.SIGTERM
HANDLED = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1  # of prctl(2)


class Interrupted(BaseException):
    """The job stops because of a signal; the text says what is kept.

    Not an `Exception`, so that no handler of errors catches it and goes on.
    """


class _State:
    received = False
    name = signal.SIGTERM.name  # of the last one
    deferrals = 0


@contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Inside, SIGTERM and SIGINT raise `Interrupted`, at once or, in `defer_sigterm`, at the next
    check."""
    before = {number: signal.signal(number, _on_signal) for number in HANDLED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _State.received, _State.deferrals = False, 0


def interrupted() -> bool:
    """Whether SIGTERM or SIGINT has arrived."""
    return _State.received


def last_signal() -> str:
    """The name of the signal that arrived last; SIGTERM where only another process was told."""
    return _State.name


def stop_if_interrupted(kept: str) -> None:
    """Raise `Interrupted` if SIGTERM or SIGINT has arrived.

    Args:
        kept: what the next attempt resumes from, for the last line of the log.
    """
    if _State.received:
        raise Interrupted(kept)


@contextmanager
def defer_sigterm() -> Iterator[None]:
    """Inside, the signal is only noted: the block calls `interrupted` where it can stop."""
    _State.deferrals += 1
    try:
        yield
    finally:
        _State.deferrals -= 1


def _on_signal(number: int, frame: FrameType | None) -> None:
    first, _State.received = not _State.received, True
    _State.name = signal.Signals(number).name
    if first and not _State.deferrals:  # a second signal must not disturb the clean-up
        raise Interrupted("nothing is kept")


def die_with_parent() -> None:
    """Let the system kill this process when its parent dies, where it can (Linux).

    A process that outlives the job that started it would hold the job's machine.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
