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
from collections.abc import Callable
from typing import Any

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
    """A param's value, or the function that Snakemake calls for it, under its name. A dataclass
    becomes a mapping of its fields.

    The function keeps its signature: Snakemake looks there for what it wants to be called with.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if not callable(value):
        return Named(name, value)

    @functools.wraps(value)
    def call(*arguments: Any, **keywords: Any) -> Any:
        return named(name, value(*arguments, **keywords))

    return call
