"""Reading the configuration: whatever is wrong becomes one line that names the key."""

from typing import Any

from pydantic import ValidationError

from toffee.config.findings import one_line
from toffee.config.sections import Config
from toffee.config.sections.evaluation import METHODS
from toffee.config.sections.toffeenet import ToffeeNet
from toffee.runtime.errors import ToffeeError


def load_config(values: dict[str, Any]) -> Config:
    """Check a configuration.

    Args:
        values: the merged YAML files, as Snakemake's `config`.

    Raises:
        ToffeeError: a key is unknown, missing or out of range. The line names the dotted key and
            says what was expected.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ToffeeError(one_line(error, Config)) from None
    for name in config.evaluation.pictures:
        if name in (*METHODS, *config.variants):
            taken = ", ".join((*METHODS, *config.variants))
            raise ToffeeError(
                f"config key evaluation.pictures.{name}: expected a name that is none of: {taken}"
            )
    for name in config.variants:
        if name in METHODS:
            taken = ", ".join(METHODS)
            raise ToffeeError(
                f"config key variants.{name}: expected a name that is none of: {taken}"
            )
        try:
            config.variant(name)
        except ValidationError as error:
            raise ToffeeError(one_line(error, ToffeeNet, f"variants.{name}")) from None
    return config
