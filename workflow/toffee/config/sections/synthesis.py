"""Section `synthesis`: the dataset of pairs."""

from typing import Annotated

from pydantic import Field, model_validator

from toffee.config.base import Count, Path, Section, Share

KINDS = ("generation", "background", "colour", "texture", "style")
"""Kinds of pairs: subject-driven generation, and the four kinds of edits."""

STAGES_FOLDER = "dataset/stages"
"""Where stages write the pictures of shards, below the results folder."""


class Kinds(Section):
    """Shares of the kinds of pairs in the plan."""

    generation: Share = Field(description="pairs that put the subject in a new picture (fraction)")
    background: Share = Field(description="editing pairs that change the background (fraction)")
    colour: Share = Field(description="editing pairs that change the subject's colour (fraction)")
    texture: Share = Field(description="editing pairs that change the subject's texture (fraction)")
    style: Share = Field(description="editing pairs that change the picture's style (fraction)")

    @model_validator(mode="after")
    def _add_up(self) -> "Kinds":
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"expected shares that add up to 1, got {total:g} in all")
        return self


class Synthesis(Section):
    """The dataset of pairs."""

    shards: Annotated[int, Field(ge=1, le=100_000)] = Field(
        description="shards of the dataset (files); more shards only append samples"
    )
    samples_per_shard: Count = Field(description="candidates that a shard holds (pairs)")
    prompts: Path = Field(
        description="YAML file of contexts, colours, textures and styles that prompts are made of "
        "(path, relative to the repository)"
    )
    subject_poses: bool = Field(
        description="whether subjects of a class without multi-view sequences take their poses "
        "from each other's pictures (ours; for living things, which no turntable shows); else they "
        "are set aside"
    )
    texts: Path | None = Field(
        description="text file of your own prompts, one a line, in place of the contexts of "
        "prompts: what follows the subject (in the snow), a text with {} for the subject, or one "
        "that begins with a class word (a mug in the snow) and is for that class (path, relative "
        "to the repository); none: those of prompts"
    )
    kinds: Kinds = Field(description="shares of the kinds of pairs, adding up to 1")
    control_scale: Annotated[float, Field(ge=0, le=2)] = Field(
        description="weight of the depth ControlNet when an initial image is drawn (1 = as trained)"
    )
    edit_strength: Share = Field(
        description="how far an editing pair's masked region is noised before it is drawn anew "
        "(fraction of the schedule)"
    )
    quality: Annotated[int, Field(ge=95, le=100)] = Field(
        description="JPEG quality of stored images (1 to 100, at least 95)"
    )
    keep_stages: bool = Field(
        description="whether the files of a shard's stages stay once it is scored; else they are "
        "removed, so a changed score draws them anew (a changed threshold of the filter does not)"
    )
    one_job: bool = Field(
        description="whether one job makes all stages of a shard and scores it, and loads its "
        "libraries and models once; the files are the same, but a changed value of one stage then "
        "draws all of the shard again, as switching this on or off does"
    )
