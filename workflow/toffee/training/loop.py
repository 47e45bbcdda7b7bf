"""The training loop that every model of the project shares."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from toffee.config.settings import Training
from toffee.runtime.compute import mixed
from toffee.runtime.distributed import shared_progress, sum_over_processes, team
from toffee.runtime.errors import ToffeeError
from toffee.runtime.signals import Interrupted, interrupted
from toffee.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class Schedule(Training):
    """How long and how fast to train, with what the configuration does not set.

    Attributes:
        warmup: share of the steps over which the learning rate rises linearly; it falls as a cosine
            to zero over the rest.
        constant: the peak from the first step to the last, without warm-up.
        weight_decay: decoupled weight decay.
        clip: largest norm of the gradient.
    """

    ema: float = 0.0
    warmup: float = 0.05
    constant: bool = False
    weight_decay: float = 0.01
    clip: float = 1.0

    def rate(self, step: int) -> float:
        """Learning rate at a step, as a share of the peak."""
        if self.constant:
            return 1.0
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))


@dataclass
class Fit:
    """The result of a training: the loss of every step."""

    losses: list[float] = field(default_factory=list)

    @property
    def final_loss(self) -> float:
        """Mean loss over the last twentieth of the steps."""
        tail = self.losses[-max(1, len(self.losses) // 20) :]
        return sum(tail) / len(tail)


class _Objective(nn.Module):
    """The trained modules as one module whose output is the loss.

    So accelerate sees all of them, whichever of them the loss calls.
    """

    def __init__(self, modules: Iterable[nn.Module], loss: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.trained, self.loss = nn.ModuleList(modules), loss

    def forward(self, **part: torch.Tensor) -> torch.Tensor:
        return self.loss(**part)


def fit(
    modules: Iterable[nn.Module],
    draw: Callable[[], Mapping[str, torch.Tensor]],
    loss: Callable[..., torch.Tensor],
    schedule: Schedule,
    desc: str,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Minimise `loss(**draw())` over all parameters of `modules` that require a gradient.

    Every process draws the whole batch, trains on its own part of it, and steps along the mean
    gradient of all parts. So the number of processes changes the result only by rounding.
    The modules end in evaluation mode, with the averaged weights if `schedule.ema` is set.

    Args:
        modules: what is trained, in place; they move to the device of the process.
        draw: everything random of one step, by name, on the CPU. The first dimension is the batch.
        loss: the mean loss, a scalar, of a part of what was drawn, given by name on the device.
        schedule: steps and rates.
        desc: what is trained, for the progress line.
        checkpoint: what to resume from, and to save to. Without one, the training starts at step 0
            and does not stop on SIGTERM.

    Raises:
        ToffeeError: the loss is not finite, or there are more processes than samples in a batch.
        Interrupted: SIGTERM arrived; the checkpoint has all steps so far.
    """
    objective = _Objective(modules, loss).train()
    model = team().prepare_model(objective)
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
    )
    average = [p.detach().clone() for p in parameters] if schedule.ema else []
    result = Fit()
    if checkpoint is not None:
        result.losses = checkpoint.load(objective, optimizer, average)
    first = len(result.losses)
    if first and team().is_main_process:
        print(f"{desc}: goes on from step {first} of {schedule.steps}", file=sys.stderr)
    for step in shared_progress(range(first, schedule.steps), desc=desc, unit="step"):
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * schedule.rate(step)
        part, share = own_part(draw(), schedule.batch, desc)
        with mixed():
            value = model(**part)
        optimizer.zero_grad(set_to_none=True)
        # The gradients' mean is taken over processes: one with more samples has to weigh more.
        team().backward(value * (share * team().num_processes))
        team().clip_grad_norm_(parameters, schedule.clip)
        optimizer.step()
        mean, stop = sum_over_processes(value.item() * share, interrupted())
        result.losses.append(mean)
        if not math.isfinite(mean):
            raise ToffeeError(f"{desc}: the loss is {mean} at step {step}")
        if average:
            # A short memory at first, so that the start of the training is forgotten.
            decay = min(schedule.ema, (1 + step) / (10 + step))
            torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - decay)
        done = step + 1
        if checkpoint is not None and done < schedule.steps:
            if stop or done % checkpoint.every == 0:
                checkpoint.save(objective, optimizer, average, result.losses)
            if stop:
                kept = f"step {done} of {schedule.steps} is kept in {checkpoint.path}"
                raise Interrupted(f"{desc}: {kept}")
    if average:
        with torch.no_grad():
            for parameter, value in zip(parameters, average, strict=True):
                parameter.copy_(value)
    objective.eval()
    team().free_memory()  # it would keep the model
    return result


def own_part(
    drawn: Mapping[str, torch.Tensor], batch: int, desc: str
) -> tuple[dict[str, torch.Tensor], float]:
    """This process's part of a batch, on its device, and the share of the samples in it.

    Raises:
        ToffeeError: there are more processes than samples.
    """
    place, processes = team().process_index, team().num_processes
    if batch < processes:
        raise ToffeeError(
            f"{desc}: a batch of {batch} is too small for {processes} processes, "
            "expected at most as many"
        )

    def bounds(count: int) -> tuple[int, int]:
        return place * count // processes, (place + 1) * count // processes

    part = {
        name: value[slice(*bounds(len(value)))].to(team().device) for name, value in drawn.items()
    }
    start, end = bounds(batch)
    return part, (end - start) / batch
