"""Which model stands behind a row of the ablation tables, and which rows a table has."""

import re

from toffee.config.sections import Config
from toffee.config.sections.toffeenet import ToffeeNet

BASE = "toffeenet"
INFERENCE = (
    "subject_scale",
    "reference_photos",
    "sampler_steps",
    "guidance",
    "solver",
    "guidance_interval",
    "subject_guidance",
    "edit_guidance",
    "edit_subject_guidance",
)
"""Keys of `toffeenet` that no training sees."""

LEAVES = {
    "reconstruction": ("reconstruction",),
    "segmentation": ("segmented",),
    "reference": ("reference", "own_photo", "reference_photos", "subject_guidance"),
    "editing": ("depth",),
    "scaling": ("pairs", "subjects"),
}
"""Table → the keys of which its variants set one. Table `variants` has those that set none."""


def rows_of(config: Config, table: str) -> list[str]:
    """Names of the variants that are rows of a table, in the order of the configuration. One that
    changes nothing at this scale is no row."""
    keys = {key for one in LEAVES.values() for key in one}

    def has(changed: set[str]) -> bool:
        return bool(changed & set(LEAVES[table])) if table in LEAVES else not changed & keys

    return [
        name
        for name, one in config.variants.items()
        if has(one.model_fields_set) and config.variant(name) != config.toffeenet
    ]


def trained_as(config: Config, name: str) -> str:
    """The model that a variant is drawn with: `toffeenet` or the name of a variant.

    Variants that differ in how they are used alone share one training.
    """
    wanted = training(config.variant(name))
    names = (BASE, *config.variants)
    return next(other for other in names if training(config.variant(other)) == wanted)


def training(settings: ToffeeNet) -> dict:
    """The settings that a training depends on."""
    return settings.model_dump(exclude=set(INFERENCE))


def training_name(name: str, number: int) -> str:
    """Name of a model, or of a method that draws with it, by the number of its training: the first
    one, 0, is the one that is exported and shown, and has no number in its name."""
    return f"{name}-{number}" if number else name


def training_number(name: str) -> int:
    """The number in such a name."""
    return int(name.partition("-")[2] or 0)


def row_of(method: str) -> str:
    """The row of a table that a method of the evaluation belongs to: without the number of its
    training, or of the steps of its fine-tuning."""
    return method.partition("-")[0]


def tuned_name(method: str, steps: int) -> str:
    """Name of a method of fine-tuning with another number of steps than the configuration's."""
    return f"{method}-{steps}-steps"


def tuning_steps(method: str) -> int | None:
    """The number of steps in such a name."""
    found = re.fullmatch(r".*-(\d+)-steps", method)
    return int(found[1]) if found else None
