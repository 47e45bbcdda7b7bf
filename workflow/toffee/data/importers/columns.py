"""Columns of a data set: where they are, and whether their type is what is needed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toffee.runtime.errors import ToffeeError

_TEXTS = ("string", "large_string", "string_view")
_BYTES = ("binary", "large_binary", "binary_view")


@dataclass(frozen=True)
class Column:
    """A column, by the names that lead to it; those of its classes where it holds their ids."""

    path: Sequence[str]
    classes: Sequence[str] | None = None

    def of(self, row: Mapping[str, Any]) -> Any:
        """The cell of a row, None where it or a struct above it is empty."""
        value: Any = row
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if self.classes is None or value is None:
            return value
        # -1 stands for no class.
        return self.classes[value] if 0 <= value < len(self.classes) else None


def find_column(
    repo: str,
    features: Mapping[str, Any],
    key: str,
    name: str,
    accept: Callable[[Any], str],
) -> Column:
    """A column by its name, with dots where it is in a struct.

    Args:
        repo: what an error names.
        features: types by column, as `datasets` has them.
        key: of the configuration.
        name: of the column.
        accept: `texts`, `labels` or `pictures`: what was expected, or "".

    Raises:
        ToffeeError: there is no such column, or it has another type.
    """
    where = f"{repo}: column {name!r} (data.real.subjects.{key})"
    path = [name] if name in features else name.split(".")
    feature: Any = features
    for part in path:
        if not isinstance(feature, Mapping) or part not in feature:
            names = ", ".join(_names(features))
            raise ToffeeError(
                f"{repo}: no column {name!r} (data.real.subjects.{key}), expected one of {names}"
            )
        feature = feature[part]
    if expected := accept(feature):
        raise ToffeeError(f"{where} is {_kind(feature)}, expected {expected}")
    return Column(path, getattr(feature, "names", None))


def texts(feature: Any) -> str:
    """What is expected where a type is no text; else ""."""
    is_text = getattr(feature, "dtype", "") in (*_TEXTS, "null")
    return "" if is_text or _is_classes(feature) else "texts"


def labels(feature: Any) -> str:
    """What is expected where a type is no text and no class with a name; else ""."""
    return "" if not texts(feature) else "texts, or class labels with names"


def pictures(feature: Any) -> str:
    """What is expected where a type is no picture; else ""."""
    if isinstance(feature, Mapping):
        return "" if {*feature} and {*feature} <= {"bytes", "path"} else "pictures"
    is_plain = getattr(feature, "dtype", "") in (*_TEXTS, *_BYTES)
    return "" if is_plain or type(feature).__name__ == "Image" else "pictures"


def _is_classes(feature: Any) -> bool:
    return type(feature).__name__ == "ClassLabel" and bool(feature.names)


def _names(features: Mapping[str, Any], above: str = "") -> list[str]:
    names = []
    for name, feature in features.items():
        names.append(above + name)
        if isinstance(feature, Mapping):
            names += _names(feature, f"{above}{name}.")
    return names


def _kind(feature: Any) -> str:
    if isinstance(feature, Mapping):
        return f"a struct of {', '.join(feature)}"
    inner = getattr(feature, "feature", None)
    if isinstance(feature, list):
        inner = feature[0]
    if inner is not None:
        return f"a list ({_kind(inner)})"
    dtype = getattr(feature, "dtype", None)
    name = type(feature).__name__
    return f"{dtype}" if name == "Value" else f"{name}"
