"""How fast the device computes: measured by `make bench`, else assumed in the configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toffee.errors import ToffeeError

BENCH = Path("results", "bench")
KEY = "sustained_tflops"
ALIASES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class Speed:
    """Sustained speed of the device, in TFLOP/s.

    Attributes:
        measured: by precision; empty where nothing was measured.
        assumed: the value of the configuration, for every other precision.
        origin: where the measured ones come from.
    """

    measured: Mapping[str, float]
    assumed: float
    origin: str = ""

    def tflops(self, dtype: str) -> float:
        """TFLOP/s in a precision."""
        return self.measured.get(dtype, self.assumed)

    def said(self, dtypes: list[str]) -> str:
        """One line that says what the GPU hours rest on."""
        known = [f"{self.measured[d]:g} in {d}" for d in dtypes if d in self.measured]
        unknown = [d for d in dtypes if d not in self.measured]
        lines = [f"measured by {self.origin}: {' and '.join(known)} TFLOP/s"] if known else []
        if unknown:
            lines.append(
                f"ASSUMED, not measured: {self.assumed:g} TFLOP/s in {' and '.join(unknown)} "
                "(config plan.sustained_tflops; make bench measures it)"
            )
        return "; ".join(lines)


def read_speed(assumed: float, project: Path, given: Path | None = None) -> Speed:
    """The speed in a file of `make bench`, by default the newest that has one.

    Raises:
        ToffeeError: the file that was given cannot be read or has no such figures.
    """
    files = sorted((project / BENCH).glob("*.json"), key=lambda path: -path.stat().st_mtime)
    for path in [given] if given else files:
        found = _read(path)
        if found:
            return Speed(found[0], assumed, found[1])
        if given:
            raise ToffeeError(f"{path}: no {KEY}, expected TFLOP/s by precision (see make bench)")
    return Speed({}, assumed)


def _read(path: Path) -> tuple[dict[str, float], str] | None:
    """Figures of a file and who measured them where; None where it is none of these files."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        figures = {ALIASES.get(k, k): float(v) for k, v in dict(content[KEY]).items() if v}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not figures or min(figures.values()) <= 0:
        return None
    device = content.get("device")
    return figures, f"{path}" + (f" on {device}" if isinstance(device, str) else "")
