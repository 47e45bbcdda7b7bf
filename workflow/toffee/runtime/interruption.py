"""SIGTERM, which a cluster sends before it takes a machine away: work is put down where it can be
taken up again.

`scancel`, a time limit with `--signal`, preemption and a shutdown all come as SIGTERM. A job that
holds nothing to take up ends at once. One that does says so with `deferred`: then the signal waits
until the work asks, between two batches, with everything written that was done.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_STATUS = 128 + signal.SIGTERM
PR_SET_PDEATHSIG = 1  # of prctl(2)


class Interrupted(BaseException):
    """The job was asked to stop; its text says what is kept.

    Not an `Exception`: nobody who handles errors may take it for one and go on.
    """


class _State:
    asked = False
    depth = 0


@contextmanager
def listening() -> Iterator[None]:
    """Inside, SIGTERM raises `Interrupted`: at once, or in `deferred` when the work asks."""
    before = signal.signal(signal.SIGTERM, _on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _State.asked, _State.depth = False, 0


def interrupted() -> bool:
    """Whether the job was asked to stop."""
    return _State.asked


def stop_if_interrupted(kept: str) -> None:
    """Raise `Interrupted` if the job was asked to stop.

    Args:
        kept: what the next attempt goes on from, for the last line of the log.
    """
    if _State.asked:
        raise Interrupted(kept)


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, SIGTERM is only noted: the block asks `interrupted` where it can stop."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1


def _on_signal(number: int, frame: FrameType | None) -> None:
    first, _State.asked = not _State.asked, True
    if first and not _State.depth:  # a second one must not disturb the tidying up
        raise Interrupted("nothing is kept")


def die_with_parent() -> None:
    """Let the system kill this process when its parent dies, where it can (Linux).

    A process that outlives the job that started it would hold the job's machine.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
