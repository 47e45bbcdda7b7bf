"""Reading the catalogue of base models."""

from pathlib import Path

from pydantic import ValidationError

from toffee.config.findings import one_line
from toffee.config.models import HubSource, ModelSet, ZooSource
from toffee.runtime.errors import ToffeeError
from toffee.runtime.settings import read_settings


def load_catalogue(path: str | Path, name: str) -> dict[str, ZooSource | HubSource]:
    """Read one set of the catalogue of base models.

    Args:
        path: the catalogue, a YAML file: set → role → source.
        name: the set.

    Returns:
        The source of each role.

    Raises:
        ToffeeError: the file, the set, a role or an entry of a source is missing or wrong.
    """
    try:
        sets = read_settings(path)
    except ToffeeError as error:
        raise ToffeeError(f"models.catalogue: {error}") from error
    if not isinstance(sets, dict) or name not in sets:
        known = ", ".join(sets) if isinstance(sets, dict) else "none"
        raise ToffeeError(f"{path} has no set {name} (models.set), expected one of: {known}")
    if not isinstance(sets[name], dict):
        raise ToffeeError(f"{path}: {name} should map roles to sources")
    sources = {}
    for role, entry in sets[name].items():
        kind = ZooSource if isinstance(entry, dict) and "zoo" in entry else HubSource
        try:
            sources[role] = kind.model_validate(entry)
        except ValidationError as error:
            raise ToffeeError(f"{path}: {one_line(error, kind, f'{name}.{role}')}") from None
    try:
        return ModelSet.model_validate(sources).root
    except ValidationError as error:
        raise ToffeeError(f"{path}: {one_line(error, ModelSet, name)}") from None
