"""Sampling: noise to latents by a diffusion model, with guidance."""

import math
from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from toffee.config.settings import Sampling
from toffee.models.diffusion import batches
from toffee.runtime.device import device

Predict = Callable[[torch.Tensor, torch.Tensor, bool], torch.Tensor]
"""(latents, times [B], whether the step lies where guidance is on) to the model's prediction."""

ROWS_ON_CPU = 64  # of a forward


def load_solver(scheduler: DDIMScheduler, name: str) -> Any:
    """What takes the steps along a noise schedule, by its name in the configuration.

    `dpmpp_2m` is DPM-Solver++ of second order (Lu et al., arXiv 2211.01095), without random draws,
    with the schedule's own spacing of steps.
    """
    if name == "ddim":
        return scheduler
    # Without the names of defaults, diffusers would take what DDIM says of itself for the defaults.
    given = {key: value for key, value in scheduler.config.items() if not key.startswith("_")}
    return DPMSolverMultistepScheduler.from_config(
        given, algorithm_type="dpmsolver++", solver_order=2
    )


@torch.no_grad()
def sample(
    predict: Predict,
    scheduler: DDIMScheduler,
    noise: torch.Tensor,
    sampling: Sampling,
    start: torch.Tensor | None = None,
    strength: float = 1.0,
    keep: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Denoise from noise, or from `start` noised to `strength`.

    Args:
        predict: the model's prediction, on the device, guided where it is asked to be.
        scheduler: the noise schedule.
        noise: [B,C,h,w], one draw a sample.
        sampling: solver, steps of a full run, of which a smaller strength takes its share, and the
            steps that are guided.
        start: latents to begin from (image to image), or None.
        strength: share of the schedule that is run, in (0,1]; 1 ignores what `start` shows.
        keep: (latents, time) to latents, applied before each step: holds parts of a picture.

    Returns:
        Clean latents [B,C,h,w], on the CPU.
    """
    noise, solver = noise.to(device()), load_solver(scheduler, sampling.solver)
    solver.set_timesteps(sampling.steps)
    times, first = solver.timesteps, 0
    latents = noise * solver.init_noise_sigma
    if start is not None and strength < 1:
        first = len(times) - max(1, round(strength * len(times)))
        latents = scheduler.add_noise(start.to(device()), noise, times[first].expand(len(start)))
    for step, time in enumerate(times[first:], start=first):
        if keep is not None:
            latents = keep(latents, time)
        now = time.expand(len(latents)).to(device())
        output = predict(latents, now, sampling.guides(step))
        latents = solver.step(output, time, latents).prev_sample
    return latents.cpu()


def hold_outside(
    change: torch.Tensor, latents: torch.Tensor, noise: torch.Tensor, scheduler: DDIMScheduler
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A `keep` for `sample`: everywhere else the picture's own noised latents are put back.

    Source: blended latent diffusion, arXiv 2206.02779.

    Args:
        change: bool [B,1,h,w], the places that sampling may change.
        latents: the picture's clean latents [B,C,h,w].
        noise: the noise that sampling starts from.
        scheduler: the noise schedule.
    """

    change, latents, noise = (given.to(device()) for given in (change, latents, noise))

    def keep(current: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        held = scheduler.add_noise(latents, noise, time.expand(len(latents)))
        return torch.where(change, current, held)

    return keep


def guided(with_condition: torch.Tensor, without: torch.Tensor, scale: float) -> torch.Tensor:
    """Classifier-free guidance (Ho and Salimans, arXiv 2207.12598)."""
    return without + scale * (with_condition - without)


def in_parts(forward: Callable[[slice], torch.Tensor], count: int) -> torch.Tensor:
    """A forward of `count` rows: at once on a GPU, in parts that fit the caches of a CPU.

    Guidance doubles the rows of a batch; 128 at once took a CPU a seventh longer than twice 64.

    Args:
        forward: gives the rows of a slice.
    """
    if device().type != "cpu" or count <= ROWS_ON_CPU:
        return forward(slice(0, count))
    # Of equal size: a few rows left over would be rounded by other kernels than the rest.
    size = math.ceil(count / math.ceil(count / ROWS_ON_CPU))
    return torch.cat([forward(span) for span in batches(count, size)])
