"""SIGTERM to Snakemake, which Snakemake 9.27.1 may not survive.

Its handler takes a lock in the main thread, which holds that lock while it handles a finished job:
then it waits for itself for ever. Here the handler's work is done by a thread of its own, which
gets the lock as soon as the main thread gives it back.
"""

import threading
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
