"""Section `dreambooth`: the baseline."""

from typing import Annotated

from pydantic import Field, model_validator

from toffee.config import settings
from toffee.config.base import Count, Guidance, LearningRate, Section


class DreamBooth(Section):
    """Per-subject fine-tuning of the base model, the baseline that the paper argues against."""

    steps: Count = Field(description="optimizer steps for each subject (steps)")
    batch: Count = Field(
        description="photos of the subject in a training step; as many pictures of its class stand "
        "beside them (images)"
    )
    learning_rate: LearningRate = Field(description="peak learning rate of AdamW (per step)")
    constant_rate: bool = Field(
        description="whether every step has that rate, as DreamBooth is published; else it rises "
        "and falls as in the other trainings (true or false)"
    )
    prior_images: Count = Field(
        description="pictures of each class that the base model draws for prior preservation "
        "(images)"
    )
    prior_weight: Annotated[float, Field(ge=0, le=10)] = Field(
        description="weight of these pictures in the loss (1 = as the subject's photos)"
    )
    guidance: Guidance = Field(
        description="weight of classifier-free guidance of the tuned model's pictures (1 = off); "
        "those of the class are the base model's, by section sampler"
    )
    groups: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="jobs that the benchmark's subjects are divided among (jobs)"
    )
    tuning_steps: Annotated[list[Count], Field(min_length=1)] = Field(
        description="values of `steps` that table dreambooth compares on training subjects, rising"
    )
    tuning_subjects: Count = Field(
        description="training subjects in that table, spread over the multi-view sequences "
        "(subjects)"
    )

    frontier_steps: Annotated[list[Count], Field(min_length=1)] = Field(
        description="values of `steps` that figure scaling shows on the benchmark, rising"
    )

    @model_validator(mode="after")
    def _steps_rise(self) -> "DreamBooth":
        for name in ("tuning_steps", "frontier_steps"):
            steps = getattr(self, name)
            if sorted(set(steps)) != steps:
                raise ValueError(f"expected {name} that rise from value to value")
        return self

    @property
    def tuning(self) -> settings.Tuning:
        """How a subject is fine-tuned."""
        return settings.Tuning(
            self.steps,
            self.batch,
            self.learning_rate,
            self.constant_rate,
            self.prior_images,
            self.prior_weight,
            self.guidance,
        )
