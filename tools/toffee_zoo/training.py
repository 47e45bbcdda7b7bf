"""What every training of the zoo shares: its random draws, and a checkpoint to resume from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from toffee.runtime.compute import Compute, computing
from toffee.runtime.seeds import seed_of
from toffee.training.checkpoint import Checkpoint
from toffee.training.loop import Fit, Schedule, fit

Batch = Mapping[str, torch.Tensor]


class Draws(np.random.Generator):
    """Everything random of a training, with a state that a checkpoint can keep.

    Attributes:
        torch: the generator of what only torch draws.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed_of(seed, "zoo batches")))
        self.torch = torch.Generator().manual_seed(seed)

    def noise(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers, float32."""
        return torch.randn(shape, generator=self.torch)

    def get_state(self) -> torch.Tensor:
        """Both generators' states as bytes: that of torch, then that of NumPy as JSON."""
        text = json.dumps(self.bit_generator.state).encode()
        return torch.cat([self.torch.get_state(), torch.tensor(list(text), dtype=torch.uint8)])

    def set_state(self, state: torch.Tensor) -> None:
        size = len(self.torch.get_state())
        self.torch.set_state(state[:size].clone())
        self.bit_generator.state = json.loads(bytes(state[size:].tolist()))


@dataclass(frozen=True)
class Course:
    """How one part is trained.

    Attributes:
        part: its name.
        schedule: steps and rates.
        draw: everything random of its batches.
        work: folder of its checkpoint.
        dtype: what it computes in; its weights are float32.
    """

    part: str
    schedule: Schedule
    draw: Draws
    work: Path
    dtype: str = "float32"

    def fit(
        self,
        modules: Sequence[nn.Module],
        batch: Callable[[], Batch],
        loss: Callable[..., torch.Tensor],
    ) -> Fit:
        """`toffee.training.loop.fit`, from the checkpoint in the work folder if there is one."""

        def drawn() -> Batch:
            # What a model draws itself (dropout) then does not depend on where it was resumed.
            torch.manual_seed(int(self.draw.integers(2**62)))
            return batch()

        checkpoint = Checkpoint(self.work, self.draw)
        with computing(Compute(dtype=self.dtype)):
            return fit(modules, drawn, loss, self.schedule, self.part, checkpoint)


def curve(losses: Sequence[float], points: int = 40) -> list[tuple[int, float]]:
    """A training's losses in few points: (last step of a span, mean loss of the span)."""
    ends = np.linspace(0, len(losses), min(points, len(losses)) + 1).round().astype(int)
    spans = zip(ends[:-1], ends[1:], strict=True)
    return [(int(end), round(float(np.mean(losses[start:end])), 4)) for start, end in spans]
