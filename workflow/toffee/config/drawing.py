"""The models that a sample's pictures and masks come from, their names and licences."""

from collections.abc import Mapping

from toffee.config.licences import REPOSITORY
from toffee.config.models import Source, ZooSource

DRAWING_ROLES = (
    "text_to_image",
    "controlnet_depth",
    "subject_encoder",
    "depth",
    "detector",
    "segmenter",
)
"""What only scores a finished sample (`clip`, `metric_*`) is not among them. Refiner and View
Generator start from text_to_image."""


def names_of(models: Mapping[str, Source]) -> dict[str, str]:
    """Role → where its model is from, for the roles that draw and that this set fills."""
    return {role: _name(models[role]) for role in DRAWING_ROLES if role in models}


def licences_of(models: Mapping[str, Source]) -> dict[str, str]:
    """Role → licence, for the same roles; the zoo's models have the repository's."""
    drawing = {role: models[role] for role in DRAWING_ROLES if role in models}
    return {
        role: REPOSITORY if isinstance(source, ZooSource) else source.licence
        for role, source in drawing.items()
    }


def _name(source: Source) -> str:
    if isinstance(source, ZooSource):
        return f"zoo/{source.zoo}"
    return f"{source.repo} at {source.revision}" if source.revision else source.repo
