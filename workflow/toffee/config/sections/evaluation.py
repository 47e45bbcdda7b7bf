"""Section `evaluation`."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from toffee.config.base import Count, Path, Section

BenchmarkMethod = Literal[
    "text_only", "initial", "dreambooth", "dreambooth_one_photo", "toffeenet", "wrong_subject"
]

TUNED_METHODS = ("dreambooth", "dreambooth_one_photo")
"""Methods of the base model fine-tuned for each subject: on all of its photos, on the kept one."""


BENCHMARK_METHODS: tuple[str, ...] = get_args(BenchmarkMethod)
"""What table dreambench can compare, in its order."""


METHODS = (*BENCHMARK_METHODS, "strength", "oracle", "input", "target")
"""Rows of the evaluation that are no variants: no variant may have such a name."""


PictureName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Oracle(Section):
    """What real photos of the benchmark have to score against each other: the gate before any
    comparison."""

    dino: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        description="published mean for the metric DINO (cosine); null where photos or encoder are "
        "not the published ones"
    )
    clip_i: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        description="published mean for the metric CLIP (cosine); null as above"
    )
    tolerance: Annotated[float, Field(gt=0, le=1)] = Field(
        description="how far off a measured mean may be before nothing is compared (cosine)"
    )


class Evaluation(Section):
    """How much is generated and scored."""

    seed: Annotated[int, Field(ge=0)] = Field(description="seed of evaluation's draws (number)")
    refiner_subjects: Count = Field(
        description="held-out subjects in table refiner, at most the held-out sequences (subjects)"
    )
    views_subjects: Count = Field(
        description="held-out subjects in table views, at most the held-out sequences (subjects)"
    )
    base_prompts: Count = Field(description="held-out prompts in table base (prompts)")
    methods: Annotated[list[BenchmarkMethod], Field(min_length=1)] = Field(
        description="methods that table dreambench compares; text_only, toffeenet and "
        "wrong_subject are needed"
    )
    pictures: dict[PictureName, Path] = Field(
        description="rows of table dreambench that are read from pictures of yours: name → folder "
        "with `<subject>/<prompt>_<seed>.png` (numbers from 0), or a method's folder in "
        "ImagenHub's layout (path)"
    )
    images_per_prompt: Count = Field(
        description="generation seeds: images for each subject and prompt of the benchmark, one a "
        "seed (images); DreamBench draws 4"
    )
    trainings: Annotated[int, Field(ge=1, le=100)] = Field(
        description="trainings of ToffeeNet and of each variant, which differ in their draws "
        "alone; errors are over subjects and trainings then, and the first one is the model that "
        "is exported (trainings)"
    )
    ablation_prompts: Count = Field(
        description="prompts of each benchmark subject that variants of ToffeeNet are drawn with, "
        "spread over its list (prompts)"
    )
    strengths: Annotated[list[Annotated[float, Field(ge=0, le=10)]], Field(min_length=6)] = Field(
        description="values of λ in table strength, rising (1 = as trained)"
    )
    strength_prompts: Count = Field(
        description="prompts of each benchmark subject in table strength, spread over its list "
        "(prompts)"
    )
    editing_subjects: Count = Field(
        description="held-out subjects that are edited in every way in tables editing and "
        "variants, all of refiner_subjects where those are fewer (subjects)"
    )
    dataset_pairs: Count = Field(
        description="accepted and as many rejected pairs that the metrics score (pairs)"
    )
    oracle: Oracle = Field(description="what the benchmark's real photos have to score")

    @model_validator(mode="after")
    def _parts_fit_the_whole(self) -> "Evaluation":
        missing = {"text_only", "toffeenet", "wrong_subject"} - set(self.methods)
        if missing:
            raise ValueError(f"expected methods with {', '.join(sorted(missing))}")
        if sorted(set(self.strengths)) != self.strengths:
            raise ValueError("expected strengths that rise from value to value")
        return self
