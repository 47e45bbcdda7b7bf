"""Signals to Snakemake.

SIGTERM is one that Snakemake 9.27.1 may not survive: its handler takes a lock in the main thread,
which holds that lock while it handles a finished job. Then it waits for itself for ever. Here the
handler's work is done by a thread of its own, which gets the lock as soon as the main thread gives
it back.
"""

import sys
import threading
from types import TracebackType
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


def say_interrupts() -> None:
    """Let Ctrl-C while Snakemake plans end in one line instead of a traceback of its plan."""
    plain = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("error: stopped by SIGINT", file=sys.stderr)
        else:
            plain(kind, error, trace)

    sys.excepthook = hook
