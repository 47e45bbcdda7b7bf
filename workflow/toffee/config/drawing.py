"""The models that a sample's pictures and masks come from: names, licences, steps."""

from collections.abc import Mapping

from toffee.config.licences import REPOSITORY
from toffee.config.models import Source, ZooSource
from toffee.config.settings import Sampling

DRAWING_ROLES = (
    "text_to_image",
    "few_step",
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


def drawer_of(models: Mapping[str, Source]) -> str:
    """The role that draws initial images, edits and drawn subjects."""
    return "few_step" if "few_step" in models else "text_to_image"


def sampling_of(models: Mapping[str, Source], sampling: Sampling) -> Sampling:
    """How that model samples: as section `sampler` says, or in the few steps that it was made for.

    It gets no guidance and no solver of higher order, with which so few steps overshoot.
    """
    steps = models[drawer_of(models)].steps
    return sampling if steps is None else Sampling(steps, 1.0, sampling.control_scale)


def _name(source: Source) -> str:
    if isinstance(source, ZooSource):
        return f"zoo/{source.zoo}"
    return f"{source.repo} at {source.revision}" if source.revision else source.repo
