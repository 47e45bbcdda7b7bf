"""The training loop that every model of the project shares."""

import math
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from toffee.config.settings import Training
from toffee.runtime.background import call_ahead
from toffee.runtime.compute import mixed, without_denormals
from toffee.runtime.distributed import shared_progress, sum_over_processes, team
from toffee.runtime.errors import ToffeeError
from toffee.runtime.signals import Interrupted, interrupted
from toffee.training.average import Average
from toffee.training.checkpoint import Checkpoint
from toffee.training.optimizer import make_optimizer

LOSSES = "losses.csv"
"""In a trained model's folder: the loss of every step of its training."""

Read = Callable[..., Mapping[str, torch.Tensor]]


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

    def write(self, folder: Path) -> None:
        """Write the loss of every step (counted from 1) to `LOSSES` of a model's folder."""
        lines = (f"{step},{loss:.6g}" for step, loss in enumerate(self.losses, 1))
        (folder / LOSSES).write_text("\n".join(["step,loss", *lines, ""]))

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

    def checkpoint_gradients(self, enable: bool) -> None:
        """Compute activations again on the way back instead of keeping them, or do not any more."""
        for module in self.trained:
            switch = f"{'enable' if enable else 'disable'}_gradient_checkpointing"
            getattr(module, switch)()  # of diffusers' models


def fit(
    modules: Iterable[nn.Module],
    draw: Callable[[], Mapping[str, torch.Tensor]],
    loss: Callable[..., torch.Tensor],
    schedule: Schedule,
    desc: str,
    checkpoint: Checkpoint | None = None,
    read: Read | None = None,
) -> Fit:
    """Minimise `loss(**draw())` over all parameters of `modules` that require a gradient.

    Every process draws the whole batch, trains on its own part of it, and steps along the mean
    gradient of all parts. So the number of processes changes the result only by rounding; and so
    does the number of samples that a process computes at once (`schedule.micro_batch`).
    The modules end in evaluation mode, with the averaged weights if `schedule.ema` is set.

    Args:
        modules: what is trained, in place; they move to the device of the process.
        draw: everything random of one step, by name, on the CPU. The first dimension is the batch.
        loss: the mean loss, a scalar, of a part of what was drawn, given by name on the device.
        schedule: steps and rates.
        desc: what is trained, for the progress line.
        checkpoint: what to resume from, and to save to. Without one, the training starts at step 0
            and does not stop on SIGTERM.
        read: given a part of what was drawn, by name on the CPU, gives what `loss` takes besides.
            A thread draws and reads a step ahead.

    Raises:
        ToffeeError: the loss is not finite, or there are more processes than samples in a batch.
        Interrupted: SIGTERM arrived; the checkpoint has all steps so far.
    """
    objective = _Objective(modules, loss).train()
    model = team().prepare_model(objective)
    if schedule.checkpointing:
        objective.checkpoint_gradients(True)
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimizer = make_optimizer(
        schedule.optimizer,
        parameters,
        schedule.learning_rate,
        schedule.weight_decay,
        schedule.fused,
    )
    average = Average(parameters, schedule.ema, schedule.average_on_cpu)
    result = Fit()
    if checkpoint is not None:
        result.losses = checkpoint.load(objective, optimizer, average.values)
    first = len(result.losses)
    if first and team().is_main_process:
        print(f"{desc}: goes on from step {first} of {schedule.steps}", file=sys.stderr)
    parts = _parts(draw, read, schedule, first, desc, checkpoint)
    with closing(parts), without_denormals():
        for step in shared_progress(range(first, schedule.steps), desc=desc, unit="step"):
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate * schedule.rate(step)
            part = next(parts)
            optimizer.zero_grad()
            value = _add_gradients(model, part, schedule.micro_batch)
            team().clip_grad_norm_(parameters, schedule.clip)
            optimizer.step()
            mean, stop = sum_over_processes(value * part.share, interrupted())
            result.losses.append(mean)
            if not math.isfinite(mean):
                raise ToffeeError(f"{desc}: the loss is {mean} at step {step}")
            average.update(step)
            done = step + 1
            if checkpoint is not None and done < schedule.steps:
                if stop or done % checkpoint.every == 0:
                    checkpoint.save(objective, optimizer, average.values, result.losses, part.drawn)
                if stop:
                    kept = f"step {done} of {schedule.steps} is kept in {checkpoint.path}"
                    raise Interrupted(f"{desc}: {kept}")
    average.apply()
    if schedule.checkpointing:
        objective.checkpoint_gradients(False)
    objective.eval()
    team().free_memory()  # it would keep the model
    return result


@dataclass(frozen=True)
class Part:
    """What a process trains on in a step.

    Attributes:
        values: what was drawn and read, by name.
        samples: how many.
        share: of these in the batch.
        drawn: state of the checkpoint's generator after the draw.
    """

    values: Mapping[str, torch.Tensor]
    samples: int
    share: float
    drawn: torch.Tensor


def _parts(
    draw: Callable[[], Mapping[str, torch.Tensor]],
    read: Read | None,
    schedule: Schedule,
    first: int,
    desc: str,
    checkpoint: Checkpoint | None,
) -> Generator[Part]:
    """The parts of all steps from `first` on; those that are read from disk a step ahead."""

    def make() -> Part:
        values, share = own_part(draw(), schedule.batch, desc)
        drawn = torch.empty(0) if checkpoint is None else checkpoint.generator.get_state()
        if read is not None:
            values |= read(**values)
        if team().device.type == "cuda":
            # From pinned memory a GPU fetches them while it computes.
            values = {name: value.pin_memory() for name, value in values.items()}
        return Part(values, round(share * schedule.batch), share, drawn)

    count = schedule.steps - first
    return (make() for _ in range(count)) if read is None else call_ahead(make, count)


def _add_gradients(model: nn.Module, part: Part, most: int | None) -> float:
    """Add the gradients of a part to the parameters, at most `most` samples at once; its mean loss.

    Processes exchange gradients once, with the last samples.
    """
    pieces = math.ceil(part.samples / (most or part.samples))
    total = torch.zeros((), device=team().device)
    for number in range(pieces):
        values, share = _share_out(part.values, part.samples, number, pieces)
        values = {n: value.to(team().device, non_blocking=True) for n, value in values.items()}
        with nullcontext() if number == pieces - 1 else team().no_sync(model):
            with mixed():
                loss = model(**values)
            # The gradients' mean is taken over processes: one with more samples has to weigh more.
            team().backward(loss * (share * part.share * team().num_processes))
        total += loss.detach() * share
    return total.item()


def own_part(
    drawn: Mapping[str, torch.Tensor], batch: int, desc: str
) -> tuple[dict[str, torch.Tensor], float]:
    """This process's part of a batch, and the share of the samples in it.

    Raises:
        ToffeeError: there are more processes than samples.
    """
    place, processes = team().process_index, team().num_processes
    if batch < processes:
        raise ToffeeError(
            f"{desc}: a batch of {batch} is too small for {processes} processes, "
            "expected at most as many"
        )
    return _share_out(drawn, batch, place, processes)


def _share_out(
    values: Mapping[str, torch.Tensor], samples: int, place: int, parts: int
) -> tuple[dict[str, torch.Tensor], float]:
    """One of several parts of some samples, as even as can be, and the share of samples in it."""

    def bounds(count: int) -> tuple[int, int]:
        return place * count // parts, (place + 1) * count // parts

    start, end = bounds(samples)
    part = {name: value[slice(*bounds(len(value)))] for name, value in values.items()}
    return part, (end - start) / samples
