"""What a job takes: seconds, CPU seconds, GPU seconds and memory."""

import sys
import time
from typing import Any

from toffee.runtime import processes

COSTS = ("seconds", "cpu_seconds", "gpu_seconds", "peak_memory_mb")


def costs(start: float, cpu_before: float = 0.0) -> dict[str, Any]:
    """What this process, its children and those that it started on other machines took since
    `start`: seconds (wall), cpu_seconds, gpu_seconds (wall seconds times GPUs in use); and
    peak_memory_mb (of the largest process here).

    cpu_before: what they had taken before, which is left out.
    """
    usage = _usage()
    seconds = time.time() - start
    used = cpu_seconds() - cpu_before + processes.JOB.cpu_seconds
    unit = 1024 if sys.platform != "darwin" else 1024**2
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(used, 3),
        "gpu_seconds": round(seconds * _gpus_in_use(), 3),
        "peak_memory_mb": round(max(one.ru_maxrss for one in usage) / unit, 1),
    }


def _usage() -> list[Any]:
    """What this process and its children took."""
    import resource

    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def cpu_seconds() -> float:
    """CPU seconds of this process and its children so far."""
    return sum(one.ru_utime + one.ru_stime for one in _usage())


def device() -> str:
    """What the job computed on: the name of its GPU, or cpu."""
    if processes.JOB.gpus:
        return processes.JOB.gpus[0]
    if not _gpus_in_use():
        return "cpu"
    import torch

    return torch.cuda.get_device_name()


def process_start() -> float:
    """When this process began, in seconds since 1970."""
    import psutil

    return psutil.Process().create_time()


def _gpus_in_use() -> int:
    if processes.JOB.gpus:
        return len(processes.JOB.gpus)
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch and torch.cuda.is_initialized() else 0
