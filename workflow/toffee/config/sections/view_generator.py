"""Section `view_generator`."""

from typing import Literal

from pydantic import Field

from toffee.config import settings
from toffee.config.base import (
    Count,
    Decay,
    Guidance,
    Interval,
    LearningRate,
    Optimizer,
    SamplerSteps,
    Section,
    Solver,
    sampling_of,
)


class ViewGenerator(Section):
    """The View Generator: draws another view of a subject from the patch tokens of one view."""

    steps: Count = Field(description="optimizer steps of its training (steps)")
    batch: Count = Field(description="pairs of views in a training step (pairs)")
    learning_rate: LearningRate = Field(description="peak learning rate (per step)")
    optimizer: Optimizer
    ema: Decay = Field(description="decay of the moving average of the weights (per step)")
    depth: bool = Field(
        description="whether the depth of the target view is concatenated to the latents; ours, "
        "off leaves the pose to chance"
    )
    reference: Literal["tokens", "canvas"] = Field(
        description="how the view that it is shown enters: as patch tokens, the paper's way, or "
        "also as latents on one canvas beside the target's, which self-attention reads (ours)"
    )
    sampler_steps: SamplerSteps = Field(description="denoising steps (steps)")
    guidance: Guidance = Field(description="weight of classifier-free guidance (1 = off)")
    solver: Solver
    guidance_interval: Interval

    @property
    def training(self) -> settings.Training:
        """How it is trained."""
        return settings.Training(
            self.steps, self.batch, self.learning_rate, self.ema, optimizer=self.optimizer
        )

    @property
    def sampling(self) -> settings.Sampling:
        """How it samples."""
        return sampling_of(self, self.sampler_steps)
