"""Section `training`: what all trainings have in common."""

from dataclasses import fields, replace
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from toffee.config import settings
from toffee.config.base import Count, Section

Settings = TypeVar("Settings", settings.Training, settings.Tuning)

Times = Literal["logit_normal", "uniform", "mixed"]
"""What `toffee.models.diffusion.draw_times` knows."""


class Training(Section):
    """How all trainings fit into memory, and which noise levels they see. Batches and results stay
    as they are but for rounding, except with `times` and `min_snr_gamma`."""

    micro_batch: Count | None = Field(
        description="most samples that a process computes at once; it adds up the gradients of its "
        "part of the batch; none: the whole part at once (samples); not for DreamBooth, whose "
        "batch is a subject's"
    )
    checkpointing: bool = Field(
        description="whether activations are computed again on the way back instead of kept: a "
        "seventh of their memory, a third more time"
    )
    fused: bool = Field(
        description="whether AdamW is one fused kernel, which needs no copies of the weights"
    )
    average_on_cpu: bool = Field(
        description="whether the averaged weights are kept in the main memory of the first "
        "process; a copy of all weights crosses over at every step"
    )
    times: Times = Field(
        description="noise levels of training samples: logit_normal, mostly those in the middle; "
        "uniform, every level as often as SD was trained on it; mixed, half of each"
    )
    min_snr_gamma: Annotated[float, Field(gt=0)] | None = Field(
        description="most signal-to-noise ratio that counts in the loss (Min-SNR, 5 in its paper); "
        "none: every level counts alike. Under v-prediction it takes nearly all weight from the "
        "levels where sampling starts"
    )

    store: Literal["all", "latents"] = Field(
        description="what is encoded once and kept on disk while a training runs: all, or the "
        "latents alone; patch tokens, depth and reference are then computed from the pictures in "
        "every step, which takes little time and most of the room away; not for DreamBooth"
    )

    def applied(self, group: Settings) -> Settings:
        """A training's own settings with what this section says of all trainings."""
        names = {field.name for field in fields(group)}
        return replace(group, **{k: v for k, v in self.model_dump().items() if k in names})
