"""Thresholds of cosines: a number, or a quantile of what the configured encoders give real photos.

A cosine means another thing to each encoder, so a number that was chosen for one does not hold for
another. `class:0.95` is the cosine that 95 % of the pairs of different subjects of one class stay
below; rule `calibrate` measures it.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

SAME, CLASS, OTHER = "same", "class", "other"
QUANTILE = re.compile(r"(same|class|other):(0|0?\.\d+|1|1\.0+)")
"""Of pairs of photos of the same subject, of two subjects of one class, of two classes."""


def _cosine(value: float | str, kinds: tuple[str, ...] = (SAME, CLASS, OTHER)) -> float | str:
    try:
        number = float(value)
    except ValueError:
        found = QUANTILE.fullmatch(str(value))
        if found is None or found[1] not in kinds:
            expected = f"a number from -1 to 1, or a quantile such as {kinds[-1]}:0.95"
            raise ValueError(f"expected {expected} (of {', '.join(kinds)})") from None
        return value
    if not -1 <= number <= 1:
        raise ValueError("expected a number from -1 to 1, or a quantile")
    return number


def _alignment(value: float | str) -> float | str:
    return _cosine(value, (SAME, OTHER))


Cosine = Annotated[float | str, AfterValidator(_cosine)]
"""Of two pictures, or of their patches."""

Alignment = Annotated[float | str, AfterValidator(_alignment)]
"""Of a picture and a text, which is of the picture's class or of another one."""
