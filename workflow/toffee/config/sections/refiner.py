"""Section `refiner`."""

from typing import Annotated, Literal, get_args

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
    Share,
    Solver,
    sampling_of,
)
from toffee.config.thresholds import Cosine

MatchingRule = Literal["cosine", "silhouette", "silhouette+position"]
MATCHING_RULES: tuple[str, ...] = get_args(MatchingRule)
"""What `toffee.method.matching.match_tokens` knows; each is a row of table `refiner`."""


class Refiner(Section):
    """The Refiner: reconstructs an image from its patch tokens; at inference from mixed tokens."""

    steps: Count = Field(description="optimizer steps of its training (steps)")
    batch: Count = Field(description="images in a training step (images)")
    learning_rate: LearningRate = Field(description="peak learning rate (per step)")
    optimizer: Optimizer
    ema: Decay = Field(description="decay of the moving average of the weights (per step)")
    token_grid: bool = Field(
        description="whether the grid of patch tokens is also concatenated to the latents; ours, "
        "off is cross-attention alone"
    )
    token_dropout: Share = Field(
        description="share of patch tokens that a training step hides (fraction)"
    )
    matching: MatchingRule = Field(
        description="rule that picks the subject token for each token of the initial image"
    )
    match_threshold: Cosine = Field(
        description="least cosine of a best match that is replaced (cosine similarity, or a "
        "quantile of best matches between photos, such as `class:0.5`)"
    )
    position_weight: Annotated[float, Field(ge=0, le=10)] = Field(
        description="weight of the distance within the silhouette, rule silhouette+position "
        "(cosine similarity per silhouette size)"
    )
    strength: Share = Field(
        description="how far the initial image is noised before it is denoised again (fraction of "
        "the schedule)"
    )
    keep_background: bool = Field(
        description="whether what the matching rule may not touch is held to the initial image "
        "while the rest is redrawn (ours); cosine may touch everything"
    )
    sampler_steps: SamplerSteps = Field(
        description="denoising steps of a whole schedule, of which `strength` is run (steps)"
    )
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

    @property
    def refining(self) -> settings.Refining:
        """How it redraws an initial image."""
        matching = settings.Matching(self.matching, self.match_threshold, self.position_weight)
        return settings.Refining(matching, self.strength, self.keep_background, self.sampling)
