"""Sections `toffeenet` and `variants`."""

from copy import copy
from dataclasses import fields, replace
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model, model_validator

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


class ToffeeNet(Section):
    """ToffeeNet: one model for subject-driven generation and editing."""

    steps: Count = Field(description="optimizer steps of its training (steps)")
    batch: Count = Field(description="pairs in a training step (pairs)")
    learning_rate: LearningRate = Field(description="peak learning rate (per step)")
    optimizer: Optimizer
    ema: Decay = Field(description="decay of the moving average of the weights (per step)")
    pairs: Annotated[float, Field(gt=0, le=100)] = Field(
        description="pairs that it is trained on, as a multiple of the dataset's accepted ones: a "
        "part of them, or with further shards more (1 = all of them)"
    )
    subjects: Annotated[float, Field(gt=0, le=1)] = Field(
        description="share of the subjects that these pairs show; fewer subjects with as many "
        "pairs need further shards where pairs is larger than it (fraction)"
    )
    kinds: Literal["both", "editing", "generation"] = Field(
        description="pairs that it is trained on; editing and generation are the paper's -E and -G"
    )
    reconstruction: Share = Field(
        description="probability p that a training target is the input itself (fraction)"
    )
    own_photo: Share = Field(
        description="probability that a sample of generation, where it reconstructs nothing, shows "
        "the subject's own photo in place of the view that was drawn from it (ours; fraction)"
    )
    changes: Share = Field(
        description="share of the samples that draw the target of an edit of colour, texture or "
        "style whole, from the subject and the text, without the picture that is edited: so "
        "generation learns texts that change the subject (ours; fraction; where kinds is both)"
    )
    equal_samples: bool = Field(
        description="whether a model of one kind of pairs takes as many samples of that kind as "
        "one of both kinds does, and so fewer steps; off takes all steps"
    )
    drop_text: Share = Field(description="probability of training without the text (fraction)")
    drop_subject: Share = Field(
        description="probability of training without the subject tokens (fraction)"
    )
    drop_both: Share = Field(description="probability of training without either (fraction)")
    reference: Literal["tokens", "canvas"] = Field(
        description="how the subject's picture enters: as patch tokens, the paper's way, or also "
        "as latents on one canvas beside the target's, which self-attention reads (ours)"
    )
    segmented: bool = Field(
        description="whether the subject is cut out before it is encoded; off shows the whole photo"
    )
    depth: bool = Field(description="whether the target's depth is a further condition")
    subject_scale: Annotated[float, Field(ge=0, le=10)] = Field(
        description="the paper's λ: weight of the subject tokens at inference (1 = as trained)"
    )
    reference_photos: Annotated[int, Field(ge=1, le=16)] = Field(
        description="photos of a benchmark subject whose tokens are seen, the kept one first "
        "(ours; the paper has 1); a subject with fewer is shown some of them twice (photos)"
    )
    sampler_steps: SamplerSteps = Field(description="denoising steps (steps)")
    guidance: Guidance = Field(description="weight of classifier-free guidance (1 = off)")
    solver: Solver
    guidance_interval: Interval
    subject_guidance: Annotated[float, Field(ge=0, le=50)] | None = Field(
        description="weight of guidance by the subject, apart from the text, whose weight then is "
        "guidance (ours); none guides by both at once, as the paper does"
    )
    edit_guidance: Guidance = Field(
        description="guidance, for edits of a picture: what is to change is in the text alone "
        "(1 = off)"
    )
    edit_subject_guidance: Annotated[float, Field(ge=0, le=50)] | None = Field(
        description="subject_guidance, for edits of a picture (ours); none guides by both at once"
    )

    @model_validator(mode="after")
    def _drops_leave_something(self) -> "ToffeeNet":
        total = self.drop_text + self.drop_subject + self.drop_both
        if total > 1:
            raise ValueError(
                f"expected drop_text + drop_subject + drop_both to be at most 1, got {total:g}"
            )
        return self

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
    def edit_sampling(self) -> settings.Sampling:
        """How it samples an edit."""
        return replace(self.sampling, guidance=self.edit_guidance)

    @property
    def conditioning(self) -> settings.Conditioning:
        """What it is trained on."""
        names = [field.name for field in fields(settings.Conditioning)]
        return settings.Conditioning(**{name: getattr(self, name) for name in names})

    @property
    def shards(self) -> int:
        """How many times the dataset's shards its pairs are drawn from."""
        return ceil(max(1.0, self.pairs / self.subjects) - 1e-9)

    @property
    def subset(self) -> settings.Subset:
        """Its pairs, as a part of those of all these shards."""
        return settings.Subset(self.pairs / self.shards, self.subjects)


def _optional(field: Any) -> Any:
    """A field of another section that may be left out."""
    field = copy(field)
    field.default = None
    return field


if TYPE_CHECKING:

    class Variant(Section):
        """See below."""

else:
    Variant = create_model(
        "Variant",
        __base__=Section,
        __doc__="Overrides of keys of `toffeenet`; what is left out is as there.",
        **{name: (f.annotation, _optional(f)) for name, f in ToffeeNet.model_fields.items()},
    )


VariantName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=60)]
