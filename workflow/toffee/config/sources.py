"""Sources of real photographs: config `data.real`, a section for each of subjects, multiview and
benchmark, whose `kind` says which other keys it has.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from toffee.config.base import Count, Name, Path, Section

HeldOut = Annotated[float, Field(gt=0, lt=1)]


class Source(Section):
    """A section of one kind.

    A key of another kind may stand here with no value: that is how a file that is laid over
    another one takes a key away.
    """

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_taken_away(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            key: value
            for key, value in values.items()
            if value is not None or key in cls.model_fields
        }


class FolderSubjects(Source):
    """An image folder in this project's layout, used where it is."""

    kind: Literal["folder"] = Field(description="an image folder, used where it is")
    path: Path = Field(
        description="images/, optional masks/, and metadata.csv with file_name, subject, "
        "class_word, caption (path)"
    )


class ImageSubjects(Source):
    """A folder of pictures, imported."""

    kind: Literal["images"] = Field(description="pictures in a folder, imported")
    path: Path = Field(
        description="<class word>/*.jpg, or pictures with a captions.csv (file_name, class_word, "
        "caption, licence where known); optional captions *.txt beside them, and masks/ (path)"
    )


class HubSubjects(Source):
    """A data set of the Hugging Face hub, imported."""

    kind: Literal["hub"] = Field(description="a data set of the Hugging Face hub, streamed")
    repo: Path = Field(
        description="data set on the hub (owner/name); without a revision a folder (path)"
    )
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")] | None = Field(
        default=None, description="its commit (hexadecimal digits); none: repo is a folder"
    )
    config: Name | None = Field(
        default=None, description="its configuration, where it has several (name)"
    )
    split: Name = Field(description="its split (name)")
    image: Name = Field(
        description="column of the picture (name; of a column in a struct with a dot: meta.image)"
    )
    class_word: Name = Field(description="column of the class word (name)")
    caption: Name | None = Field(
        default=None, description="column of the caption (name); none: a <class word>"
    )
    mask: Name | None = Field(
        default=None, description="column of the subject's mask (name); none: no masks"
    )
    licence: Name | None = Field(
        default=None,
        description="licence of the pictures (text); none: what the data set's card says",
    )


class Subjects200K(Source):
    """Subjects200K as it is released, imported: the left pictures of its pairs."""

    kind: Literal["subjects200k"] = Field(description="left pictures of Subjects200K, streamed")
    repo: Path = Field(
        default="Yuanshi/Subjects200K",
        description="data set on the hub (owner/name); without a revision a folder (path)",
    )
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")] | None = Field(
        default=None, description="its commit (hexadecimal digits); none: repo is a folder"
    )
    split: Name = Field(default="train", description="its split (name)")
    licence: Name | None = Field(
        default=None,
        description="licence of the pictures (text); none: what the data set's card says",
    )


class DrawnSubjects(Source):
    """Subjects that the base text-to-image model draws."""

    kind: Literal["drawn"] = Field(description="pictures that the base model draws, segmented")
    classes: Path | None = Field(
        default=None,
        description="text file with a class word a line (path, relative to the repository); none: "
        "the class words of the imported multi-view sequences, which lend the poses",
    )
    living: Path | None = Field(
        default=None,
        description="text file with a class word of living things a line, drawn besides in "
        "different postures (path, relative to the repository; see synthesis.subject_poses)",
    )
    per_class: Count = Field(description="subjects of each class word (subjects)")


class FolderViews(Source):
    """Multi-view sequences in this project's layout, used where they are."""

    kind: Literal["folder"] = Field(description="sequences in two folders, used where they are")
    path: Path = Field(
        description="sequences for training: <class word>/<sequence>/images, masks (path)"
    )
    heldout_path: Path = Field(description="sequences of subjects that no training sees (path)")


class MVImgNetViews(Source):
    """MVImgNet as it is released, imported."""

    kind: Literal["mvimgnet"] = Field(description="MVImgNet's zip files or folders, imported")
    path: Path = Field(
        description="its zip files or folders, the masks and mvimgnet_category.txt (path)"
    )
    heldout: HeldOut = Field(description="sequences that no training sees (fraction)")


class UCO3DViews(Source):
    """uCO3D as it is released, imported."""

    kind: Literal["uco3d"] = Field(description="uCO3D's videos, imported")
    path: Path = Field(
        description="its folder: <super category>/<category>/<sequence>/rgb_video.mp4, "
        "mask_video.mkv (path)"
    )
    heldout: HeldOut = Field(description="sequences that no training sees (fraction)")
    set_list: Name | None = Field(
        default=None, description="only sequences of this file of its set_lists/ (name); none: all"
    )


class SynCDViews(Source):
    """SynCD as it is released, imported: pictures of one subject each in place of views."""

    kind: Literal["syncd"] = Field(description="SynCD's groups of pictures, imported")
    path: Path = Field(description="its folder, with metadata.json, pictures and masks/ (path)")
    heldout: HeldOut = Field(description="groups that no training sees (fraction)")


class FolderBenchmark(Source):
    """A benchmark in DreamBench's layout."""

    kind: Literal["folder"] = Field(description="a benchmark in a folder, used where it is")
    path: Path = Field(description="dataset/<subject>/*.jpg and a prompt file (path)")


class DreamBench(Source):
    """DreamBench, downloaded."""

    kind: Literal["dreambench"] = Field(description="DreamBench, downloaded")


class Real(Section):
    """Where real photographs come from, used where `data.source` is `real`."""

    subjects: FolderSubjects | ImageSubjects | HubSubjects | Subjects200K | DrawnSubjects | None = (
        Field(discriminator="kind", description="training subjects, a picture each")
    )
    multiview: FolderViews | MVImgNetViews | UCO3DViews | SynCDViews | None = Field(
        discriminator="kind", description="multi-view sequences, for training and held out"
    )
    benchmark: FolderBenchmark | DreamBench | None = Field(
        discriminator="kind", description="the benchmark"
    )

    def kind(self, name: str) -> str:
        """The kind of subjects, multiview or benchmark; "" where there is none."""
        source = getattr(self, name)
        return "" if source is None else source.kind

    def keys(self, name: str) -> dict[str, Any]:
        """What stands in the section of subjects, multiview or benchmark; {} for none."""
        source = getattr(self, name)
        return {} if source is None else source.model_dump()

    def given(self, folder: str) -> str | None:
        """Folder of subjects, multiview, multiview_heldout or benchmark that is used where it is;
        None for what is imported, drawn or downloaded."""
        source = getattr(self, folder.removesuffix("_heldout"))
        if source is None or source.kind != "folder":
            return None
        return source.heldout_path if folder.endswith("_heldout") else source.path
