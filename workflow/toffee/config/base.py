"""What the sections of the configuration have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]
Guidance = Annotated[float, Field(ge=1, le=50)]
SamplerSteps = Annotated[int, Field(ge=1, le=1000)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


def _without_braces(path: str) -> str:
    if "{" in path or "}" in path or not path.isprintable():
        raise ValueError("expected a path without { and }, which are wildcards in a rule's paths")
    return path


Path = Annotated[str, Field(min_length=1), AfterValidator(_without_braces)]
"""Of a file or folder: it may become the input of a rule."""


class Section(BaseModel):
    """A closed section: a key that is not described here is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
