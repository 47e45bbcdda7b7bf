"""Noise schedules, and a model that knows what was noised."""

import torch
from diffusers import DDIMScheduler

from toffee_zoo.text_to_image import build_scheduler

SHAPE = (16, 4, 4)


def scheduler_of(kind: str) -> DDIMScheduler:
    """The zoo's schedule (velocity), or the classic one of Stable Diffusion (noise)."""
    if kind == "v_prediction":
        return build_scheduler()
    return DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=True)


def perfect(scheduler: DDIMScheduler, clean: torch.Tensor):
    """The prediction of a model that knows the clean latents."""

    def predict(latents: torch.Tensor, times: torch.Tensor, guide: bool = True) -> torch.Tensor:
        assert times.shape == (len(latents),)
        share = scheduler.alphas_cumprod[times][:, None, None, None]
        signal, spread = share.sqrt(), (1 - share).sqrt()
        noise = (latents - signal * clean) / spread
        if scheduler.config.prediction_type == "epsilon":
            return noise
        return signal * noise - spread * clean

    return predict


def draws(*seeds: int) -> list[torch.Tensor]:
    return [torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(s)) for s in seeds]
