"""Models that the steps of one job share, so that each is loaded once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Model = TypeVar("Model")

_KEPT: list[dict[tuple[Any, ...], Any]] = []
"""What `keeping_models` keeps; empty outside of it."""


@contextmanager
def keeping_models() -> Iterator[None]:
    """Inside, `loaded` gives the same model again for the same folders."""
    _KEPT.append({})
    try:
        yield
    finally:
        _KEPT.pop()


def loaded(load: Callable[..., Model], *folders: str | Path | None) -> Model:
    """The model that `load` makes of folders. It must not depend on what it has drawn before."""
    if not _KEPT:
        return load(*folders)
    kept, key = _KEPT[-1], (load, *map(str, folders))
    if key not in kept:
        kept[key] = load(*folders)
    return kept[key]
