"""The checkpoint that a training resumes from: a file of tensors. Nothing is pickled."""

import os
from pathlib import Path
from typing import Protocol

import torch
from safetensors.torch import save_file
from torch import nn

from toffee.runtime.distributed import team
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.storage.work_folder import read_tensors
from toffee.training.optimizer import Optimizer

EVERY = 500
"""Steps between two checkpoints: some two minutes of the project's small models on one core, and
about ten of Stable Diffusion's UNet on a GPU, whose checkpoint of 14 GB takes seconds to write.

TOFFEE_CHECKPOINT_EVERY sets another number. It is no key of the configuration, because it changes
no result."""


class Generator(Protocol):
    """A random generator whose state is a tensor, as that of a torch.Generator."""

    def get_state(self) -> torch.Tensor:
        """The state, uint8 [N]."""

    def set_state(self, state: torch.Tensor, /) -> object:
        """Go on from a state."""


class Checkpoint:
    """The state of a training, saved every few steps and on SIGTERM.

    It has the weights, the optimizer's state, the averaged weights, the losses of the steps so far
    (their number is the step to resume at) and the state of the random generator. It does not
    depend on the number of processes.

    Attributes:
        path: the file.
        every: steps between two saves.
    """

    def __init__(self, folder: Path, generator: Generator) -> None:
        """Keep the checkpoint in a work folder.

        Args:
            folder: the work folder.
            generator: all that `draw` of `toffee.training.loop.fit` draws from.

        Raises:
            ToffeeError: TOFFEE_CHECKPOINT_EVERY is no positive whole number.
        """
        self.path = folder / "checkpoint.safetensors"
        self.generator = generator
        given = os.environ.get("TOFFEE_CHECKPOINT_EVERY", str(EVERY))
        if not given.isdecimal() or int(given) < 1:
            raise ToffeeError(
                f"TOFFEE_CHECKPOINT_EVERY is {given!r}; expected a number of steps, 1 or more"
            )
        self.every = int(given)

    def save(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        average: list[torch.Tensor],
        losses: list[float],
        drawn: torch.Tensor,
    ) -> None:
        """Write the file. All processes call this; the main one writes, the others wait.

        drawn: state of the generator after the draws of the last of these steps; it may be ahead.
        """
        if team().is_main_process:
            tensors = {f"weights.{name}": value for name, value in model.state_dict().items()}
            tensors |= {f"average.{place}": value for place, value in enumerate(average)}
            for place, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{place}.{key}": value for key, value in state.items()}
            tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
            tensors["generator"] = drawn
            with atomic_path(self.path) as temporary:
                save_file({name: value.contiguous() for name, value in tensors.items()}, temporary)
                with open(temporary, "rb") as file:
                    os.fsync(file.fileno())
        team().wait_for_everyone()

    def load(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        average: list[torch.Tensor],
    ) -> list[float]:
        """Restore the saved state. Returns the losses so far, none without a file.

        A damaged file is removed, with one line on standard error.
        """
        if team().is_main_process:
            read_tensors(self.path)
        team().wait_for_everyone()
        tensors = read_tensors(self.path)
        if tensors is None:
            return []
        groups: dict[str, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            group, _, key = name.partition(".")
            groups.setdefault(group, {})[key] = value
        model.load_state_dict(groups["weights"])
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in groups["optimizer"].items():
            place, _, key = name.partition(".")
            states.setdefault(int(place), {})[key] = value.clone()
        optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
        for index, value in enumerate(average):
            value.copy_(groups["average"][str(index)])
        self.generator.set_state(tensors["generator"].clone())
        return tensors["losses"].tolist()
