"""Signals to Snakemake.

SIGTERM is one that Snakemake 9.27.1 may not survive: its handler takes a lock in the main thread,
which holds that lock while it handles a finished job. Then it waits for itself for ever. Here the
handler's work is done by a thread of its own, which gets the lock as soon as the main thread gives
it back.

On Ctrl-C Snakemake cancels its jobs and cleans up. A second one in the middle of that ended in a
traceback of its event loop: it is told to wait, and a third one ends Snakemake at once (the next
one takes over, see `toffee.launch.takeover`).
"""

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any


def guard_sigterm() -> None:
    """Let Snakemake's handler of SIGTERM return at once. Before Snakemake makes its scheduler."""
    from snakemake.scheduling.job_scheduler import JobScheduler

    plain = JobScheduler.exit_gracefully
    if getattr(plain, "guarded", False):
        return

    def exit_gracefully(self: Any, *arguments: Any) -> None:
        threading.Thread(target=plain, args=(self, *arguments), daemon=True).start()

    exit_gracefully.guarded = True  # type: ignore[attr-defined]
    JobScheduler.exit_gracefully = exit_gracefully


def guard_clean_up() -> None:
    """Let nothing but a third Ctrl-C disturb what Snakemake does on the first one. Before Snakemake
    makes its scheduler."""
    from snakemake.scheduling.job_scheduler import JobScheduler

    plain = JobScheduler.__init__
    if getattr(plain, "guarded", False):
        return

    def begin(self: Any, *arguments: Any, **named: Any) -> None:
        plain(self, *arguments, **named)
        cancel = self._executor.cancel

        def cancel_undisturbed() -> None:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, _once_more)
            cancel()

        self._executor.cancel = cancel_undisturbed

    begin.guarded = True  # type: ignore[attr-defined]
    JobScheduler.__init__ = begin


def _once_more(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Not by print, which the main thread may be in the middle of.
    os.write(2, b"stopping: once more ends it at once, without a clean-up\n")


def say_interrupts() -> None:
    """Let Ctrl-C while Snakemake plans end in one line instead of a traceback of its plan."""
    plain = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("error: stopped by SIGINT", file=sys.stderr)
        else:
            plain(kind, error, trace)

    sys.excepthook = hook
