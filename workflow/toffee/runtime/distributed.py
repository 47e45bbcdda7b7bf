"""The processes of one training, through accelerate. A single process is a team of one.

`toffee.training.launch` starts them.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

from toffee.runtime.device import device
from toffee.runtime.progress import Item, progress

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, which may be encoding a data set or writing to a slow
disk. A dead process is noticed at once: its connections close, or its launcher ends the others."""


@cache
def team() -> Accelerator:
    """The processes that train together, and this one's place among them."""
    return Accelerator(
        cpu=device().type == "cpu",
        mixed_precision="no",
        kwargs_handlers=[
            InitProcessGroupKwargs(timeout=PATIENCE),
            # Gradients lie in what is exchanged, instead of a second time beside it.
            DistributedDataParallelKwargs(gradient_as_bucket_view=True),
        ],
    )


def sum_over_processes(*values: float) -> list[float]:
    """Sum each value over all processes. Every process must call this; it waits for all of them."""
    given = torch.tensor(values, dtype=torch.float64, device=team().device)
    sums: list[float] = team().reduce(given, "sum").tolist()
    return sums


def shared_progress(items: Sequence[Item], desc: str, unit: str) -> Iterator[Item]:
    """As `toffee.runtime.progress.progress`, but only the main process shows it."""
    return (
        progress(items, desc=desc, unit=unit) if items and team().is_main_process else iter(items)
    )
