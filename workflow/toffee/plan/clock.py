"""How long a run takes on this machine."""

import os
from collections.abc import Iterable

START_UP = 6
"""Seconds of a core that a job needs to import its libraries."""

HOUR = 3600


def wall_clock(rows: Iterable[tuple[int, float]], gpus: bool) -> str:
    """One line that says how long a run takes on this machine, whose cores share the jobs.

    Args:
        rows: jobs and hours of each rule.
        gpus: whether the hours are those of GPUs.
    """
    rows = list(rows)
    jobs, hours = sum(count for count, _ in rows), sum(spent for _, spent in rows)
    if gpus:
        import torch

        count = torch.cuda.device_count()
        if not count:
            return "on this machine: the rules ask for GPUs, and it has none"
        return f"on this machine, {count} GPUs of that speed: about {duration(hours / count)}"
    cores = len(os.sched_getaffinity(0))
    longest = max((spent / count for count, spent in rows if count), default=0.0)
    together = (hours + jobs * START_UP / HOUR) / cores
    return (
        f"on this machine, {cores} cores: about {duration(max(longest, together))} with --cores "
        f"{cores} and nothing else running ({START_UP} s of each job are its start)"
    )


def duration(hours: float) -> str:
    """Hours for people."""
    if hours < 1.5:
        return f"{max(1, round(60 * hours))} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:,.1f} days"
