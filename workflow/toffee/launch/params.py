"""Params that carry their names.

Snakemake keeps `repr(value)` of a job's params and compares them as a set, without names: where
`batch` and `resolution` are both 64, a batch of 32 beside another 32 looks unchanged, and a dry run
prints "before: 0.5 now: 0.6". A named value's repr is `match_threshold = 0.5`, which is compared
and printed instead. A script gets the plain value.
"""

import dataclasses
import functools
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from toffee.config.base import Section
from toffee.runtime.errors import ToffeeError

_DIGEST = re.compile(r'"([0-9a-f]{12})[0-9a-f]{52}"')


def shown(name: str, value: Any) -> str:
    """A param as Snakemake records, compares and prints it: name and value as JSON.

    It is the same for a value and for what JSON makes of it, so it can be rebuilt from a record.
    A SHA-256 is cut to 12 digits, which tell versions of a file apart.

    Raises:
        ToffeeError: the value is not made of texts, numbers, lists and dicts.
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:
        raise ToffeeError(f"param {name}: expected what JSON can hold, got {value!r}") from None
    text = _DIGEST.sub(r"\1…", text)
    return f"{name} = {text}"


class Named(tuple):
    """A param's name and value. A tuple, because Snakemake compares no types but its own few, and
    looks for wildcards inside of texts and lists."""

    def __new__(cls, name: str, value: Any) -> "Named":
        shown(name, value)  # what cannot be compared is found where it enters
        return super().__new__(cls, (name, value))

    def __repr__(self) -> str:
        return shown(*self)

    def __str__(self) -> str:
        return str(self[1])

    def __reduce__(self) -> tuple[Callable, tuple]:
        # Scripts get their params pickled: the plain value comes out, and nothing of this module.
        return operator.getitem, (tuple(self), 1)


def named(name: str, value: Any) -> Any:
    """A param's value, or the function that Snakemake calls for it, under its name.

    The function keeps its signature: Snakemake looks there for what it wants to be called with.
    """
    if not callable(value):
        return Named(name, value)

    @functools.wraps(value)
    def call(*arguments: Any, **keywords: Any) -> Any:
        return named(name, value(*arguments, **keywords))

    return call


def leaves(name: str, value: Any, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The single values of a group of settings, so that a rerun's reason names what changed.

    `sampling` becomes `sampling.steps` and `sampling.guidance`. Another value is its own leaf.

    Args:
        name: the param's.
        value: a dataclass, a section of the configuration, a function of the wildcards, or any
            other value.
        fields: of a function of the wildcards that gives a group: the group's fields, each with its
            own `fields` or None.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, Section):
        parts = {field: getattr(value, field) for field in type(value).model_fields}
    elif callable(value) and fields:
        return {
            leaf: one
            for field, argument in fields.items()
            for leaf, one in leaves(
                f"{name}.{field}", _part_of(value, field), argument.fields
            ).items()
        }
    else:
        return {name: value}
    found: dict[str, Any] = {}
    for field, part in parts.items():
        found |= leaves(f"{name}.{field}", part)
    return found


def grouped(params: Mapping[str, Any]) -> dict[str, Any]:
    """Params with their leaves put together again: the reverse of `leaves`, as mappings."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        *groups, leaf = name.split(".")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = value
    return found


def _part_of(function: Callable[..., Any], field: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        return getattr(function(*arguments, **keywords), field)

    return call
