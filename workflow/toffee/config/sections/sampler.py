"""Section `sampler`: sampling with the base model."""

from pydantic import Field

from toffee.config import settings
from toffee.config.base import Count, Guidance, Interval, SamplerSteps, Section, Solver, sampling_of


class Sampler(Section):
    """Sampling with the base text-to-image model; the batch is everybody's."""

    steps: SamplerSteps = Field(description="denoising steps of the base model (steps)")
    guidance: Guidance = Field(
        description="weight of classifier-free guidance of the base model (1 = off)"
    )
    solver: Solver
    guidance_interval: Interval
    batch: Count = Field(
        description="samples that are drawn or scored at once (images); memory grows with it"
    )

    @property
    def sampling(self) -> settings.Sampling:
        """How the base model samples from text alone."""
        return sampling_of(self, self.steps)
