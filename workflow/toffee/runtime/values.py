"""Values as a type wants them, with one line where they do not fit."""

import dataclasses
import typing
from functools import cache
from typing import Any

from toffee.runtime.errors import ToffeeError


def convert(where: str, kind: Any, value: Any) -> Any:
    """A value as the type wants it: a number out of a wildcard's text, a dataclass out of a
    mapping, None out of the empty list that stands for no input."""
    from pydantic import ValidationError

    if value == [] and type(None) in typing.get_args(kind):
        return None
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        found = error.errors()[0]
        place = "".join(f".{part}" for part in found["loc"] if not str(part).startswith("function"))
        raise ToffeeError(f"{where}{place}: got {found['input']!r}, {found['msg']}") from None


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    if dataclasses.is_dataclass(kind):
        return TypeAdapter(kind)
    return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True))
