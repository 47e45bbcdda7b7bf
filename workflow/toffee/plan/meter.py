"""Watches the operations of a call on the meta device: what they compute and what they make.

On the meta device torch works out the shapes of results in Python, which takes longer than all else
that a count does. Networks repeat their blocks, and are counted several times, so the shapes that
an operation makes of others are remembered in this process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

META = torch.device("meta")
SERIES = (tuple, list)
PLAIN = (int, float, str, type(None), torch.dtype, torch.layout, torch.device)
"""What operations are given besides tensors. A union of types would be made anew at each call."""


@dataclass(frozen=True)
class Result:
    """What an operation makes.

    Attributes:
        flops: what it computes, by torch's formulas.
        shapes: of each result its shape, strides and type; None for None.
        several: whether it makes more than one.
    """

    flops: int
    shapes: tuple[tuple[Any, ...] | None, ...]
    several: bool

    def again(self) -> Any:
        """The results, new tensors."""
        made = [
            None if one is None else torch.empty_strided(one[0], one[1], dtype=one[2], device=META)
            for one in self.shapes
        ]
        return tuple(made) if self.several else made[0]


_KNOWN: dict[Any, Result] = {}
"""By operation and what it is given."""

_ALIASING: set[Any] = set()
"""Operations whose results share the memory of what they are given: these are done each time."""


class Meter(TorchDispatchMode):
    """Adds up what the operations of the block compute; `made` takes each one's results.

    Attributes:
        flops: of all operations (a multiplication and an addition are two).
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and the guard against it takes time

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        key = None if func in _ALIASING else _key(func, args, kwargs)
        known = _KNOWN.get(key) if key is not None else None
        if known is not None:
            self.flops += known.flops
            made = known.again()
        else:
            made = func(*args, **kwargs)
            flops = _flops(func, args, kwargs, made)
            self.flops += flops
            if key is not None:
                _remember(key, flops, args, kwargs, made)
        self.made((args, kwargs), made)
        return made

    def made(self, given: Any, made: Any) -> None:
        """An operation was given tensors and made others."""


def tensors(nested: Any) -> Iterator[torch.Tensor]:
    """All tensors in tuples, lists and dictionaries."""
    if isinstance(nested, torch.Tensor):
        yield nested
    elif isinstance(nested, SERIES):
        for one in nested:
            yield from tensors(one)
    elif isinstance(nested, dict):
        for one in nested.values():
            yield from tensors(one)


def _flops(func: Any, args: Any, kwargs: Any, made: Any) -> int:
    formula = flop_registry.get(func._overloadpacket)
    return int(formula(*args, **kwargs, out_val=made)) if formula else 0


def _key(func: Any, args: Any, kwargs: Any) -> Any:
    """The operation and what it is given; None where that is not on the meta device."""
    found: list[Any] = [func]
    if not _add(found, args) or (kwargs and not _add(found, tuple(kwargs.items()))):
        return None
    key = tuple(found)
    return key if any(type(one) is torch.Size for one in key) else None


def _add(key: list[Any], values: Any) -> bool:
    for one in values:
        if isinstance(one, torch.Tensor):
            if one.device != META:
                return False
            key += (one.shape, one.stride(), one.dtype)
        elif isinstance(one, SERIES):
            key.append(len(one))
            if not _add(key, one):
                return False
        elif isinstance(one, PLAIN):
            key += (type(one), one)  # 1 and True are equal, and make other types
        else:
            return False
    return True


def _remember(key: Any, flops: int, args: Any, kwargs: Any, made: Any) -> None:
    """Unless it is an operation on the memory of its arguments, or makes other things."""
    given = {id(one.untyped_storage()) for one in tensors((args, kwargs))}
    if any(id(one.untyped_storage()) in given for one in tensors(made)):
        _ALIASING.add(key[0])
        return
    several = isinstance(made, SERIES)
    results = made if several else (made,)
    if all(one is None or isinstance(one, torch.Tensor) for one in results):
        shapes = (None if t is None else (t.shape, t.stride(), t.dtype) for t in results)
        _KNOWN[key] = Result(flops, tuple(shapes), several)
