"""Sections that have a kind, where files of configuration are laid over each other.

Snakemake joins sections key by key. The keys of one kind mean nothing to another one, so a section
of another kind takes the place of the one that it is laid over.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import yaml

from toffee.config.sources import Real

ABOVE = ("data", "real")
NULL = ("null", "~")


def read_nulls(config: MutableMapping[str, Any], given: MutableMapping[str, Any]) -> None:
    """Let `null` after `--config` be what it is in a file: Snakemake gives its text.

    Args:
        config: the joined configuration, changed in place.
        given: the values after `--config`, changed in place.
    """
    for name, value in given.items():
        if isinstance(value, MutableMapping):
            below = config.get(name)
            read_nulls(below if isinstance(below, MutableMapping) else {}, value)
        elif value in NULL:
            config[name] = given[name] = None


def replace_kinds(
    config: MutableMapping[str, Any], files: Iterable[str | Path], given: Mapping[str, Any]
) -> None:
    """Put the sections of `data.real` right in a configuration that Snakemake has joined.

    Args:
        config: the joined configuration, changed in place.
        files: what it was joined from, in the order in which it was laid.
        given: the values after `--config`, which lie on top.
    """
    layers = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in files]
    sections = [_inside(layer) for layer in (*layers, given)]
    joined = _inside(config)
    for name in Real.model_fields:
        found = [one[name] for one in sections if name in one]
        if found and name in joined:
            joined[name] = _laid(found)


def lay_under(config: MutableMapping[str, Any], files: Iterable[str | Path]) -> None:
    """Give a configuration, in place, the values of files where it has none of its own."""
    from snakemake.utils import update_config

    joined: dict[str, Any] = {}
    for path in files:
        update_config(joined, yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    update_config(joined, config)
    config.update(joined)


def _inside(layer: Any) -> Any:
    """Section `data.real` of a layer; {} where it has none."""
    for name in ABOVE:
        layer = layer.get(name) if isinstance(layer, Mapping) else None
    return layer if isinstance(layer, Mapping) else {}


def _laid(found: list[Any]) -> Any:
    result: Any = None
    for one in found:
        joins = isinstance(one, Mapping) and isinstance(result, Mapping)
        if joins and one.get("kind", result.get("kind")) == result.get("kind"):
            result = {**result, **one}
        else:
            result = one
    return result
