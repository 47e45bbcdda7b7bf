"""What the sections of the configuration have in common."""

from typing import Annotated, Literal, Protocol, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from toffee.config.settings import Sampling

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]
Guidance = Annotated[float, Field(ge=1, le=50)]
SamplerSteps = Annotated[int, Field(ge=1, le=1000)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Optimizer = Annotated[
    Literal["adamw", "muon"],
    Field(description="adamw; or muon: Muon for matrices and convolutions, AdamW for the rest"),
]
Decay = Annotated[float, Field(ge=0, lt=1)]


SolverName = Literal["ddim", "dpmpp_2m"]
SOLVERS: tuple[str, ...] = get_args(SolverName)
Solver = Annotated[
    SolverName,
    Field(
        description="how the noise is taken away: ddim, or dpmpp_2m (DPM-Solver++ of second order, "
        "which needs fewer steps)"
    ),
]


def _rising(interval: list[float]) -> list[float]:
    if interval != sorted(interval):
        raise ValueError("expected the lower end of the interval first")
    return interval


Interval = Annotated[
    list[Share],
    Field(
        min_length=2,
        max_length=2,
        description="part of the noise schedule in which guidance is on, from 0 (the picture) to 1 "
        "(noise); outside of it a step takes half the time (two fractions)",
    ),
    AfterValidator(_rising),
]


def _without_braces(path: str) -> str:
    if "{" in path or "}" in path or not path.isprintable():
        raise ValueError("expected a path without { and }, which are wildcards in a rule's paths")
    return path


Path = Annotated[str, Field(min_length=1), AfterValidator(_without_braces)]
"""Of a file or folder: it may become the input of a rule."""


class Section(BaseModel):
    """A closed section: a key that is not described here is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampled(Protocol):
    """A section of a model that samples."""

    @property
    def guidance(self) -> float: ...

    @property
    def solver(self) -> str: ...

    @property
    def guidance_interval(self) -> list[float]: ...


def sampling_of(section: Sampled, steps: int) -> Sampling:
    """How the model of a section samples.

    steps: denoising steps.
    """
    low, high = section.guidance_interval
    return Sampling(
        steps,
        section.guidance,
        solver=section.solver,
        guidance_low=low,
        guidance_high=high,
    )
