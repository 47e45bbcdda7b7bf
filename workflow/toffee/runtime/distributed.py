"""What the processes of one training agree on. A process alone is a team of one.

`toffee.training.launch` starts them; here they find each other, through accelerate.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs

from toffee.runtime.device import device
from toffee.runtime.progress import Item, progress

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, which may be encoding a data set or writing to a slow
disk. One that died is noticed at once: its connections close, or its launcher ends the rest."""


@cache
def team() -> Accelerator:
    """The processes that train together, and this one's place among them."""
    return Accelerator(
        cpu=device().type == "cpu",
        mixed_precision="no",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )


def total(*values: float) -> list[float]:
    """Sums over all processes, each of which must ask; so this also waits for all of them."""
    given = torch.tensor(values, dtype=torch.float64, device=team().device)
    return team().reduce(given, "sum").tolist()


def shared_progress(items: Sequence[Item], **options: str) -> Iterator[Item]:
    """`toffee.runtime.progress.progress`, which the main process alone shows."""
    return progress(items, **options) if items and team().is_main_process else iter(items)
