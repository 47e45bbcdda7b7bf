"""Diffusion on latents: the autoencoder's codes, the noise schedule, the training loss."""

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoModel, DDIMScheduler

from toffee.models.load import load_model
from toffee.runtime.compute import prepare
from toffee.runtime.device import device
from toffee.runtime.errors import ToffeeError

PREDICTIONS = ("v_prediction", "epsilon")
"""What a model may predict of a noised latent: velocity or noise."""
PIXELS = 64 * 128**2
"""Coded at once by an autoencoder: its first layers hold 128 channels of each, some GB."""


class Autoencoder:
    """A frozen autoencoder that codes pictures as latents of unit scale.

    Attributes:
        factor: how many pixels a side one latent stands for.
        channels: channels of a latent.
    """

    def __init__(self, folder: str | Path) -> None:
        self.model = prepare(load_model(AutoModel, folder), "encode", "decode")
        config = self.model.config
        self.scale = config.scaling_factor
        self.channels = config.latent_channels
        blocks = config.get("encoder_block_out_channels") or config.block_out_channels
        self.factor = 2 ** (len(blocks) - 1)

    def latent_shape(self, resolution: int) -> tuple[int, int, int]:
        """(channels, height, width) of the latents of a square picture."""
        side = resolution // self.factor
        return self.channels, side, side

    @torch.no_grad()
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures [B,3,H,W] in [0,1] to latents [B,C,H/f,W/f]."""
        parts = []
        for part in images.split(pictures_at_once(images.shape[-2:])):
            coded = self.model.encode((part.float() * 2 - 1).to(device()))
            # A KL autoencoder gives a distribution, of which the mode is taken: no random draw.
            latent = coded.latent if hasattr(coded, "latent") else coded.latent_dist.mode()
            parts.append((latent.float() * self.scale).cpu())
        return torch.cat(parts)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents to pictures in [0,1]."""
        size = [side * self.factor for side in latents.shape[-2:]]
        parts = [
            self.model.decode((part / self.scale).to(device())).sample.float().cpu()
            for part in latents.split(pictures_at_once(size))
        ]
        return (torch.cat(parts) / 2 + 0.5).clamp(0, 1)


def pictures_at_once(size: Sequence[int]) -> int:
    """How many pictures of a size (height, width) an autoencoder codes at once."""
    return min(64, max(1, PIXELS // (size[0] * size[1])))


def load_scheduler(folder: Path) -> DDIMScheduler:
    """The noise schedule of a text-to-image folder, sampled by deterministic DDIM.

    The hub's folders often name another sampler (PNDM for Stable Diffusion) of the same schedule.
    Where such a config is silent, latents are not clipped: PNDM never does, and diffusers'
    StableDiffusionPipeline sees to it.

    Raises:
        ToffeeError: the config is missing, has no betas (flow matching), or the model predicts
            neither noise nor velocity.
    """
    path = Path(folder) / "scheduler_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        schedule = config["beta_schedule"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToffeeError(f"{path}: expected a scheduler config with beta_schedule") from error
    kind = config.get("prediction_type", "epsilon")
    if kind not in PREDICTIONS:
        raise ToffeeError(f"{path}: prediction_type {kind!r}; expected {' or '.join(PREDICTIONS)}")
    known = inspect.signature(DDIMScheduler.__init__).parameters
    given = {name: value for name, value in config.items() if name in known}
    try:
        return DDIMScheduler(**{"clip_sample": False} | given)
    except NotImplementedError as error:
        raise ToffeeError(f"{path}: beta_schedule {schedule!r} is none that DDIM has") from error


def draw_times(
    count: int, scheduler: DDIMScheduler, generator: torch.Generator, kind: str = "logit_normal"
) -> torch.Tensor:
    """Training times [count], whole numbers from 0 (no noise) to the end of the schedule.

    Args:
        count: how many.
        scheduler: the noise schedule.
        generator: what they are drawn from.
        kind: `logit_normal`: middle noise levels, which teach the most (Esser et al., arXiv
            2403.03206, section 3.1); of a thousand draws three to four are above 937 of 999, where
            sampling starts. `uniform`: all levels alike, as in DDPM and Stable Diffusion. `mixed`:
            each draw by chance one or the other.
    """
    last = scheduler.config.num_train_timesteps - 1
    if kind == "uniform":
        return torch.randint(last + 1, (count,), generator=generator)
    share = torch.sigmoid(torch.randn(count, generator=generator))
    times = (share * last).round().long()
    if kind == "logit_normal":
        return times
    level = torch.randint(last + 1, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.5, times, level)


def draw_noising(
    shape: Sequence[int],
    scheduler: DDIMScheduler,
    generator: torch.Generator,
    kind: str = "logit_normal",
) -> dict[str, torch.Tensor]:
    """What `diffusion_loss` needs of chance for latents [B,C,h,w]: `times` [B], of a kind of
    `draw_times`, and `noise`."""
    times = draw_times(shape[0], scheduler, generator, kind)
    return {"times": times, "noise": torch.randn(*shape, generator=generator)}


def min_snr_weight(scheduler: DDIMScheduler, times: torch.Tensor, gamma: float) -> torch.Tensor:
    """Weights [B] of the loss by time, so that easy levels with little noise count less.

    Source: Hang et al., arXiv 2303.09556: min(SNR, γ) over SNR where noise is predicted, over
    SNR + 1 where velocity is. Without signal (SNR 0) it is 1 for noise and 0 for velocity.
    """
    kept = scheduler.alphas_cumprod.to(times.device)[times]
    snr = kept / (1 - kept)
    if scheduler.config.prediction_type == "v_prediction":
        return snr.clamp(max=gamma) / (snr + 1)
    return (gamma / snr).clamp(max=1)


def diffusion_loss(
    predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    latents: torch.Tensor,
    scheduler: DDIMScheduler,
    times: torch.Tensor,
    noise: torch.Tensor,
    weight: torch.Tensor | None = None,
    gamma: float | None = None,
) -> torch.Tensor:
    """Mean squared error of the model's prediction (noise or velocity, as the schedule says).

    Args:
        predict: (noisy latents, times) to the model's output.
        latents: clean latents [B,C,h,w].
        scheduler: the noise schedule.
        times, noise: see `draw_noising`.
        weight: optional weight of each place, broadcastable to the latents.
        gamma: of `min_snr_weight`; None weights all levels alike.
    """
    noisy = scheduler.add_noise(latents, noise, times)
    kind = scheduler.config.prediction_type
    if kind == "v_prediction":
        target = scheduler.get_velocity(latents, noise, times)
    elif kind == "epsilon":
        target = noise
    else:
        raise ToffeeError(f"scheduler: prediction_type {kind!r}; expected v_prediction or epsilon")
    error = F.mse_loss(predict(noisy, times).float(), target, reduction="none")
    if gamma is not None:
        error = error * min_snr_weight(scheduler, times, gamma)[:, None, None, None]
    return (error if weight is None else error * weight).mean()


def batches(count: int, size: int) -> Sequence[slice]:
    """Slices of at most `size` that cover range(count)."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
