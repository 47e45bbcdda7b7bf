"""Section `data`: photographs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from toffee.config.base import Count, Path, Section
from toffee.config.sources import Real


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
        description="world: write the procedural world; real: photographs, see `data.real`"
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
        if self.source == "world":
            for name in ("subjects", "sequences", "heldout_sequences"):
                if getattr(self, name) is None:
                    raise ValueError(f"expected a number in {name}, because source is world")
        else:
            for name in type(self.real).model_fields:
                if getattr(self.real, name) is None:
                    raise ValueError(f"expected a section real.{name}, because source is real")
            if self.benchmark_split != "benchmark":
                raise ValueError("expected benchmark_split benchmark, because source is real")
        return self
