"""Which model stands behind a row of the ablation tables, and which rows a table has."""

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
)
"""Keys of `toffeenet` that no training sees."""

LEAVES = {
    "reconstruction": ("reconstruction",),
    "segmentation": ("segmented",),
    "reference": ("reference", "reference_photos", "subject_guidance"),
    "editing": ("depth",),
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
