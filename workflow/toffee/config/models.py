"""The catalogue of base models: for each set (a scale's choice) the source of each role."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, RootModel, model_validator

from toffee.config.base import Count, Section

ROLES = (
    "text_to_image",
    "controlnet_depth",
    "subject_encoder",
    "clip",
    "segmenter",
    "depth",
    "metric_dino",
    "metric_clip",
)
"""Roles that every set fills. `metric_*` condition and filter nothing."""

OPTIONAL_ROLES = ("detector", "few_step")
"""Roles that not every set fills: what finds boxes for a segmenter that is prompted with them; a
text-to-image model distilled to few steps, which then draws what the base model would."""

ALLOWED_SUFFIXES = (".json", ".txt", ".safetensors")
"""Files that a model is made of: no format here can run code when it is read."""

TORCH_SUFFIX = ".bin"
"""Weights as torch saves them, a pickle. Fetched only where a source says so (`torch`), and written
as safetensors before anything else reads them (`toffee.download.weights`)."""


def _check_pattern(pattern: object) -> object:
    if isinstance(pattern, str):
        suffix = PurePosixPath(pattern).suffix
        if (
            suffix not in (*ALLOWED_SUFFIXES, TORCH_SUFFIX)
            or ".." in pattern
            or pattern.startswith("/")
        ):
            raise ValueError(f"a relative pattern that ends in {', '.join(ALLOWED_SUFFIXES)}")
    return pattern


def _check_text(revision: object) -> object:
    if isinstance(revision, int | float):
        raise ValueError("expected a revision in quotes: YAML reads this one as a number")
    return revision


FilePattern = Annotated[str, BeforeValidator(_check_pattern)]


FewSteps = Annotated[
    Count | None,
    Field(
        description="denoising steps that a model of role few_step was distilled to, without "
        "guidance (steps)"
    ),
]


class ZooSource(Section):
    """A model in the zoo folder (config `models.zoo`)."""

    zoo: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = Field(
        description="folder of the model below the zoo (name)"
    )
    steps: FewSteps = None


Repo = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
Revision = Annotated[str, BeforeValidator(_check_text), Field(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$")]

DEFAULT_REVISION = "main"
"""The branch that the hub gives where none is asked for."""

COMMIT = re.compile(r"^[0-9a-f]{40}$")
"""A revision that can never mean anything else."""


class Mirror(Section):
    """Another repository that is said to hold the same files."""

    repo: Repo = Field(description="repository on the hub (owner/name)")
    revision: Revision | None = Field(
        default=None, description="commit, branch or tag; the default branch if left out"
    )


class HubPlace(Section):
    """Files of a repository on the Hugging Face hub, and what is made of them."""

    repo: Repo = Field(description="repository on the hub (owner/name)")
    revision: Revision | None = Field(
        default=None,
        description="commit (40 hexadecimal digits); a branch, a tag or the beginning of a commit "
        "is looked up once and then locked, as is the default branch if it is left out",
    )
    files: list[FilePattern] = Field(
        description="patterns of the files to fetch (json, txt and safetensors; with torch: true "
        "also bin)",
        min_length=1,
    )
    subfolder: str | None = Field(
        default=None, description="folder of the repository that holds the model, if not its root"
    )
    torch: bool = Field(
        default=False, description="take weights that torch saved (.bin), and write safetensors"
    )
    keys: Literal["timm_vit"] | None = Field(
        default=None, description="naming of the weights that is turned into transformers'"
    )
    json_files: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="files of the model that the repository lacks: name → content",
    )
    folder: str | None = Field(
        default=None,
        description="a copy of these files on this machine, used in place of the hub where it is "
        "there (path, relative to the repository)",
    )
    mirrors: list[Mirror] = Field(
        default_factory=list,
        description="where the same files are, tried in this order once the repository is gone",
    )

    @model_validator(mode="after")
    def _torch_is_asked_for(self) -> "HubPlace":
        for pattern in self.files:
            if pattern.endswith(TORCH_SUFFIX) and not self.torch:
                raise ValueError(
                    f"files: {pattern}: a relative pattern that ends in "
                    f"{', '.join(ALLOWED_SUFFIXES)}, or torch: true, which reads it as weights only"
                )
        for name in self.json_files:
            if "/" in name or not name.endswith(".json"):
                raise ValueError(f"json_files: {name}: the name of a JSON file")
        return self


class HubFiles(HubPlace):
    """Where a model is: what a download depends on."""

    alternatives: list[HubPlace] = Field(
        default_factory=list,
        description="other forms of the same weights, tried in this order where the repository "
        "lacks a file; the lock keeps what was taken",
    )

    @property
    def candidates(self) -> list[HubPlace]:
        """The places of the model, in their order."""
        return [self, *self.alternatives]


class HubSource(HubFiles):
    """A model on the Hugging Face hub, with what its user should know."""

    licence: str = Field(description="licence as the hub prints it (identifier)")
    steps: FewSteps = None
    note: str | None = Field(default=None, description="what a user should know before using it")


Source = ZooSource | HubSource


def what_it_is(source: Source) -> dict[str, Any]:
    """What makes a base model what it is, as the params of its download have it.

    Mirrors and folders do not, nor does a key that was left out: another one reruns nothing.
    """
    places = {"mirrors", "folder"}
    left_out = {"note", "licence", "steps", *places} | {"alternatives"}
    values = source.model_dump(exclude=left_out, exclude_defaults=True)
    if isinstance(source, HubSource):
        # As they stood in records before there were further keys.
        values |= {"revision": source.revision, "subfolder": source.subfolder}
        if source.alternatives:
            others = [
                one.model_dump(exclude=places, exclude_defaults=True) for one in source.alternatives
            ]
            values["alternatives"] = others
    return values


class ModelSet(RootModel[dict[str, Source]]):
    """Sources of one set: every role once."""

    @model_validator(mode="after")
    def _roles_are_filled(self) -> "ModelSet":
        known = (*ROLES, *OPTIONAL_ROLES)
        for role in self.root:
            if role not in known:
                raise ValueError(f"unknown role {role}, expected one of {', '.join(known)}")
        for role in ROLES:
            if role not in self.root:
                raise ValueError(f"expected a source for role {role}")
        for role, source in self.root.items():
            if (source.steps is None) == (role == "few_step"):
                raise ValueError(f"expected steps for role few_step and for no other, see {role}")
        return self
