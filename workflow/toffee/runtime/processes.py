"""How many processes a job may train in, and what these took.

The number comes from the job's resources and not from its params: no result depends on it, but for
the rounding of sums.
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
        count: how many there may be in all; 1 is this one alone.
        nodes: machines that they are spread over, the same number on each.
        threads: cores of the job on each machine.
        gpus: names of the GPUs that processes beside this one computed on, one each.
        cpu_seconds: what processes took that are no children of this one.
    """

    count: int = 1
    nodes: int = 1
    threads: int = 1
    gpus: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0


JOB = Processes()
"""Those of the job that this process is."""


@contextmanager
def allowed(resources: Mapping[str, Any], threads: int) -> Iterator[None]:
    """Inside, the job is one that may use these resources.

    Args:
        resources: Snakemake's: `processes`, by default as many as `gpu`, else 1; `nodes`,
            by default 1. `gpu` counts all of a job's GPUs, as its `sbatch --gpus` does.
        threads: cores of the job on each machine.

    Raises:
        ToffeeError: they do not fit each other.
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
