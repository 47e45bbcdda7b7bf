"""How many processes a job may train in, and the GPUs and CPU time that they used.

The number comes from the job's resources and not from its params: it changes no result but for the
rounding of sums.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from toffee.runtime.errors import ToffeeError


@dataclass
class Processes:
    """The processes of this job.

    Attributes:
        count: how many there may be in all; 1 is this process alone.
        nodes: machines that they are spread over, the same number on each.
        threads: cores of the job on each machine.
        gpus: names of the GPUs that the other processes computed on, one per process.
        cpu_seconds: CPU time of processes that are no children of this one.
    """

    count: int = 1
    nodes: int = 1
    threads: int = 1
    gpus: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0


JOB = Processes()
"""The processes of the job that runs now."""


@contextmanager
def use_resources(resources: Mapping[str, Any], threads: int) -> Iterator[None]:
    """Inside, trainings may use these resources.

    Args:
        resources: Snakemake's: `processes`, by default as many as `gpu`, else 1; `nodes`,
            by default 1. `gpu` counts all of a job's GPUs, as its `sbatch --gpus` does.
        threads: cores of the job on each machine.

    Raises:
        ToffeeError: the processes cannot be spread evenly over the nodes.
    """
    global JOB
    count, nodes, gpus = (resources.get(name) for name in ("processes", "nodes", "gpu"))
    count, nodes = int(count or gpus or 1), int(nodes or 1)
    if count < 1 or nodes < 1 or count % nodes:
        raise ToffeeError(
            f"resources: {count} processes on {nodes} nodes; expected the same number on each"
        )
    before, JOB = JOB, Processes(count, nodes, threads)
    try:
        yield
    finally:
        JOB = before
