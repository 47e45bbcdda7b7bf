"""Which model stands behind a row of the ablation tables, and which rows a table has."""

from toffee.config.sections import Config
from toffee.config.sections.toffeenet import ToffeeNet

BASE = "toffeenet"
INFERENCE = ("subject_scale", "sampler_steps", "guidance")
"""Keys of `toffeenet` that no training sees."""

LEAVES = {"reconstruction": "reconstruction", "segmentation": "segmented", "editing": "depth"}
"""Table → the key that its variants set. Table `variants` has those that set none of these."""


def rows_of(config: Config, table: str) -> list[str]:
    """Names of the variants that are rows of a table, in the order of the configuration."""
    leaf = LEAVES.get(table)
    return [
        name
        for name, variant in config.variants.items()
        if (leaf in variant.model_fields_set if leaf else _in_no_other(variant.model_fields_set))
    ]


def _in_no_other(changed: set[str]) -> bool:
    return not changed & set(LEAVES.values())


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
