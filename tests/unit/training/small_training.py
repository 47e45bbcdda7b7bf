"""A training of a few numbers, in as many processes as it is allowed, which may go wrong."""

import json
import os
import signal
import time
from pathlib import Path

import torch
from torch import nn

from toffee.runtime.distributed import team
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.runtime.signals import interrupted
from toffee.storage.work_folder import work_folder
from toffee.training.checkpoint import Checkpoint
from toffee.training.encoded import encode
from toffee.training.launch import in_processes
from toffee.training.loop import Schedule, fit

ROWS, WIDTH = 90, 6


@in_processes
def train(
    *,
    out: str,
    steps: int,
    batch: int,
    fault: dict | None = None,
    micro_batch: int | None = None,
    average_on_cpu: bool = False,
) -> None:
    """Learn to undo a rotation; writes the losses and the weights.

    fault: what goes wrong (`kind`), in which process (`rank`), at which step of the attempt.
    """
    generator = torch.Generator().manual_seed(3)
    torch.manual_seed(1)
    model, done = nn.Sequential(nn.Linear(WIDTH, 8), nn.Tanh(), nn.Linear(8, WIDTH)), []

    def numbers(batch: range) -> dict[str, torch.Tensor]:
        draw = torch.Generator().manual_seed(batch.start)
        return {"x": torch.randn(len(batch), WIDTH, generator=draw)}

    with work_folder(out, [], {"steps": steps, "batch": batch}, team()) as folder:
        parts = [range(first, first + 2) for first in range(0, ROWS, 2)]
        x = encode(folder / "rows", parts, numbers, "encode numbers")["x"]

        def draw() -> dict[str, torch.Tensor]:
            if fault and len(done) == fault["step"] and team().process_index == fault["rank"]:
                go_wrong(fault)
            done.append(None)
            rows = torch.randint(len(x), (batch,), generator=generator)
            return {"rows": rows, "noise": torch.randn(batch, WIDTH, generator=generator)}

        def loss(rows: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
            return (model(x[rows] + 0.1 * noise) - x[rows].roll(1, 1)).square().mean()

        more = {"micro_batch": micro_batch, "average_on_cpu": average_on_cpu}
        schedule = Schedule(steps, batch, 0.05, ema=0.5, **more)
        result = fit([model], draw, loss, schedule, "numbers", Checkpoint(folder, generator))
        if team().is_main_process:
            with atomic_path(out) as target:
                weights = [parameter.tolist() for parameter in model.parameters()]
                target.write_text(json.dumps({"losses": result.losses, "weights": weights}))


def go_wrong(fault: dict) -> None:
    if fault["kind"] == "error":
        raise ToffeeError("row 7 is broken")
    if fault["kind"] == "bug":
        raise ZeroDivisionError("a bug")
    if fault["kind"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault["kind"] == "wait":
        Path(fault["ready"]).touch()
    else:
        os.kill(fault.get("pid") or os.getpid(), signal.SIGTERM)
    until = time.monotonic() + 60
    while not interrupted() and time.monotonic() < until:
        time.sleep(0.01)
