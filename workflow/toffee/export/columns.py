"""Columns of the exported dataset: meanings, and types for Arrow, the hub and Croissant."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from toffee.config.sections.filter import SCORES

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""What the Image feature of `datasets` holds: an encoded file and a name for it."""

LICENCE = "licence"
"""What all licences of a sample add up to. No shard has this column."""

SUBJECT_PROMPT = "subject_prompt"
"""The text of `subject_image`, of the class word. No shard has this column."""

SEED = "seed_"

_ARROW = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
_HUB = {"str": "string", "int": "int64", "float": "float64"}
_CROISSANT = {"str": "sc:Text", "int": "sc:Integer", "float": "sc:Float"}
_MEANINGS = {
    "target": "what the pair is to become; PNG in editing pairs",
    "input": "editing pairs: the picture before the change, equal to the target outside `mask`",
    "mask": "editing pairs: where the change is; else the subject in the target (1-bit PNG)",
    "subject_image": "the subject in another pose: the picture to condition on",
    "subject_mask": "the subject in `subject_image` (1-bit PNG)",
    "sample_id": "name of the sample, a hash of what it was drawn from",
    "subject": "name of the subject",
    "class_word": "what the subject is, in a word",
    "attempt": "which sample of its subject this is, from 0",
    "kind": "generation, or what an editing pair changes: background, colour, texture, style",
    "prompt": "text of the target",
    SUBJECT_PROMPT: "text of `subject_image`: the class word with its article",
    "source_prompt": "editing pairs: text of the picture before the change",
    "donor": "the picture whose pose `subject_image` has: a frame below the multi-view folder, or "
    "below the subjects' folder, of a class without sequences",
    "subject_licence": "licence of the subject's photograph",
    "donor_licence": "licence of the donor's sequence",
    LICENCE: "licences of the photographs and of the models that drew the sample: all apply",
    "seed_initial": "seed of the initial image's noise (`torch.Generator` on the CPU)",
    "seed_refined": "seed of the refined image's noise",
    "seed_views": "seed of `subject_image`'s noise",
    "seed_edits": "editing pairs: seed of the edit's noise",
    **{name: score.meaning for name, score in SCORES.items()},
}


@dataclass(frozen=True)
class Columns:
    """What a shard gives to the dataset.

    Attributes:
        formats: format of each image, by its name in the shard.
        types: type of each other column (`str`, `int` or `float`).
    """

    formats: Mapping[str, str]
    types: Mapping[str, str]

    @classmethod
    def read(cls, values: dict[str, Any]) -> "Columns":
        """The inverse of `as_dict`."""
        return cls(values["formats"], values["types"])

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)

    def field(self, image: str) -> str:
        """The exported name of an image: a shard may have an image and a column of one name."""
        return f"{image}_image" if image in self.types else image

    @property
    def images(self) -> list[str]:
        """Exported names of the images."""
        return [self.field(image) for image in self.formats]

    @property
    def values(self) -> dict[str, str]:
        """Type of every column that is no image.

        Seeds have 63 bits: as numbers, readers that know doubles only (JSON, pandas where a value
        is missing) would change them without a word.
        """
        seeds = {name: "str" for name in self.types if name.startswith(SEED)}
        made = {} if SUBJECT_PROMPT in self.types else {SUBJECT_PROMPT: "str"}
        return {**self.types, **seeds, **made, LICENCE: "str"}

    def features(self) -> dict[str, dict[str, str]]:
        """The features as `datasets` writes them down."""
        images: dict[str, dict[str, str]] = {name: {"_type": "Image"} for name in self.images}
        return images | {
            name: {"dtype": _HUB[kind], "_type": "Value"} for name, kind in self.values.items()
        }

    def schema(self) -> pa.Schema:
        """Arrow schema; its `huggingface` metadata tells `datasets` which columns are images."""
        fields = [pa.field(name, IMAGE) for name in self.images]
        fields += [pa.field(name, _ARROW[kind]) for name, kind in self.values.items()]
        metadata = {"huggingface": json.dumps({"info": {"features": self.features()}})}
        return pa.schema(fields, metadata=metadata)

    def described(self) -> Iterator[tuple[str, str, str, str]]:
        """Of every column: name, type in the card, type for Croissant, meaning."""
        for image, format in self.formats.items():
            name = self.field(image)
            yield name, "image", "sc:ImageObject", _MEANINGS.get(name) or _of_format(format)
        for name, kind in self.values.items():
            meaning = _MEANINGS.get(name) or name.replace("_", " ")
            yield name, _HUB[kind], _CROISSANT[kind], meaning


def _of_format(format: str) -> str:
    return {
        "jpeg": "picture (JPEG, 4:4:4; PNG where its pixels have to be exact)",
        "png": "picture (lossless PNG)",
        "mask": "mask (1-bit PNG)",
    }[format]
