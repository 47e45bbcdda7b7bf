"""Section `data`: photographs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from toffee.config.base import Count, Path, Section
from toffee.config.sources import WORLD, Real

COUNTED = {"subjects": "subjects", "sequences": "multiview", "heldout_sequences": "multiview"}
"""Counts that the world needs, and what they count."""


class DreamBenchDownload(Section):
    """Where DreamBench is downloaded from, where `data.real.benchmark` is of that kind."""

    url: Annotated[str, Field(pattern=r"^(https?|ssh|git|file)://\S+$")] = Field(
        description="git repository of the dataset, or a mirror of it (URL)"
    )
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] = Field(
        description="commit (git id, 40 hexadecimal digits); it is a digest of all files"
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        description="SHA-256 of the list of the files' SHA-256 that a download writes, compared on "
        "top of the commit; null compares the commit alone"
    )


class Data(Section):
    """Photographs to train on, to synthesize from and to evaluate with."""

    source: Literal["world", "real"] = Field(
        description="what gives what has no section in `data.real`: world: the procedural world; "
        "real: nothing, each has to have one"
    )
    resolution: Annotated[int, Field(ge=32, le=1024, multiple_of=8)] = Field(
        description="side of every square image (pixels)"
    )
    subjects: Count | None = Field(
        description="training subjects that the world writes, or that are imported at most "
        "(subjects); none: all that the real source has"
    )
    sequences: Count | None = Field(
        description="multi-view sequences for training that the world writes, one subject each, or "
        "that are imported at most (sequences); none: all that the real source has"
    )
    views: Annotated[int, Field(ge=2, le=1000)] = Field(
        description="frames of each multi-view sequence, of a real one spread evenly over it "
        "(images)"
    )
    heldout_sequences: Count | None = Field(
        description="multi-view sequences of held-out subjects that the world writes, or that are "
        "imported at most (sequences); none: all that the real source has"
    )
    benchmark_subjects: Count = Field(
        description="held-out benchmark subjects that the world writes (subjects)"
    )
    benchmark_split: Literal["benchmark", "development"] = Field(
        description="subjects of the world's benchmark: those of the tables, or as many others, "
        "also held out, on which a value is chosen before the benchmark is read"
    )
    references: Path = Field(
        description="YAML file that names the one photo kept of each benchmark subject (path, "
        "relative to the repository)"
    )
    real: Real = Field(description="sources of real photographs")
    dreambench: DreamBenchDownload = Field(description="download of the real benchmark")

    @model_validator(mode="after")
    def _source_is_given(self) -> "Data":
        of_world = [name for name in type(self.real).model_fields if self.is_world(name)]
        if of_world and self.source == "real":
            raise ValueError(f"expected a section real.{of_world[0]}, because source is real")
        for name, folder in COUNTED.items():
            if folder in of_world and getattr(self, name) is None:
                raise ValueError(f"expected a number in {name}, because {folder} is the world's")
        if self.benchmark_split != "benchmark" and "benchmark" not in of_world:
            raise ValueError("expected benchmark_split benchmark, because benchmark is real")
        return self

    def is_world(self, name: str) -> bool:
        """Whether subjects, multiview or benchmark are the world's."""
        return self.real.kind(name) == WORLD
