"""Averaged weights: an exponential moving average over the steps of a training."""

import torch
from accelerate.utils import broadcast
from torch import nn

from toffee.runtime.distributed import team


class Average:
    """The averaged weights of a training.

    Attributes:
        values: one for each parameter; empty where nothing is averaged, or another process does it.
    """

    def __init__(self, parameters: list[nn.Parameter], decay: float, on_cpu: bool = False) -> None:
        """Start from the parameters as they are.

        Args:
            parameters: what is averaged.
            decay: per step; 0 averages nothing.
            on_cpu: keep the values in the main memory of the main process alone; otherwise each
                process keeps them on its device.
        """
        self.parameters, self.decay, self.on_cpu = parameters, decay, on_cpu
        mine = decay > 0 and (not on_cpu or team().is_main_process)
        place = torch.device("cpu") if on_cpu else None
        averaged = parameters if mine else []
        self.values = [p.detach().to(place or p.device, copy=True) for p in averaged]

    def update(self, step: int) -> None:
        """Take in the parameters after a step, counted from 0."""
        # A short memory at first, so that the start of the training is forgotten.
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        now = [parameter.detach() for parameter in self.parameters]
        if self.on_cpu:
            for value, parameter in zip(self.values, now, strict=False):
                value.lerp_(parameter.cpu(), weight)
        elif self.values:
            torch._foreach_lerp_(self.values, now, weight)

    @torch.no_grad()
    def apply(self) -> None:
        """Put the averaged weights into the parameters, in every process."""
        for parameter, value in zip(self.parameters, self.values, strict=False):
            parameter.copy_(value)
        if self.decay > 0 and self.on_cpu:
            for parameter in self.parameters:
                broadcast(parameter.detach())
