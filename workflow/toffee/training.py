"""The training loop that every model of the project shares."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import nn

from toffee.errors import ToffeeError
from toffee.progress import progress


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        steps: optimizer steps.
        batch: samples a step.
        learning_rate: peak learning rate of AdamW.
        ema: decay a step of the averaged weights; 0 keeps the last weights.
        warmup: share of the steps over which the learning rate rises linearly; it falls as a cosine
            to zero over the rest.
        weight_decay: decoupled weight decay.
        clip: largest norm of the gradient.
    """

    steps: int
    batch: int
    learning_rate: float
    ema: float = 0.0
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0

    def rate(self, step: int) -> float:
        """Learning rate at a step, as a share of the peak."""
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))


@dataclass
class Fit:
    """What a training left behind: the loss of every step."""

    losses: list[float] = field(default_factory=list)

    @property
    def final_loss(self) -> float:
        """Mean loss over the last twentieth of the steps."""
        tail = self.losses[-max(1, len(self.losses) // 20) :]
        return sum(tail) / len(tail)


def fit(
    modules: Iterable[nn.Module],
    loss: Callable[[int], torch.Tensor],
    schedule: Schedule,
    desc: str,
) -> Fit:
    """Minimise `loss(step)` over all parameters of `modules` that require a gradient.

    The modules end in evaluation mode, with the averaged weights if the schedule asks for them.

    Args:
        modules: what is trained, in place.
        loss: draws its own batch for the step and gives a scalar.
        schedule: steps and rates.
        desc: what is trained, for the progress line.

    Raises:
        ToffeeError: the loss is not finite.
    """
    modules = list(modules)
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    for module in modules:
        module.train()
    optimizer = torch.optim.AdamW(
        parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
    )
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.rate)
    average = [p.detach().clone() for p in parameters] if schedule.ema else None
    result = Fit()
    for step in progress(range(schedule.steps), desc=desc, unit="step"):
        value = loss(step)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, schedule.clip)
        optimizer.step()
        rates.step()
        result.losses.append(value.item())
        if not math.isfinite(result.losses[-1]):
            raise ToffeeError(f"{desc}: the loss is {result.losses[-1]} at step {step}")
        if average is not None:
            # A short memory at first, so that the start of the training is forgotten.
            decay = min(schedule.ema, (1 + step) / (10 + step))
            torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - decay)
    if average is not None:
        with torch.no_grad():
            torch._foreach_copy_(parameters, average)
    for module in modules:
        module.eval()
    return result
