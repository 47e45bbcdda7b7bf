"""How fast the device computes: measured by `make bench`, else assumed in the configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from toffee.runtime.errors import ToffeeError

BENCH = Path("results", "bench")
KEY = "sustained_tflops"
ALIASES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class Speed:
    """Sustained speed of the device, in TFLOP/s.

    Attributes:
        measured: by precision; empty where nothing was measured.
        assumed: those of the configuration, for what was not measured.
        origin: where the measured ones come from.
        passed_over: newer files that are not of a GPU, which the scale is planned for.
    """

    measured: Mapping[str, float]
    assumed: Mapping[str, float]
    origin: str = ""
    passed_over: tuple[str, ...] = ()

    def tflops(self, dtype: str) -> float:
        """TFLOP/s in a precision."""
        return self.measured.get(dtype) or self.assumed[dtype]

    def said(self, dtypes: list[str]) -> str:
        """One line that says what the hours rest on."""
        known = [f"{self.measured[d]:g} in {d}" for d in dtypes if d in self.measured]
        unknown = [d for d in dtypes if d not in self.measured]
        lines = [f"measured by {self.origin}: {' and '.join(known)} TFLOP/s"] if known else []
        if unknown:
            values = " and ".join(f"{self.assumed[dtype]:g} in {dtype}" for dtype in unknown)
            lines.append(
                f"ASSUMED, not measured: {values} TFLOP/s "
                "(config plan.sustained_tflops; make bench measures it)"
            )
        if self.passed_over:
            lines.append(
                f"not measured on a GPU and left out: {', '.join(self.passed_over)} "
                "(--bench FILE takes it all the same)"
            )
        return "; ".join(lines)


def asks_for_gpus(project: Path, models: str) -> bool:
    """Whether rules ask for a GPU where these base models are chosen (config `models.set`)."""
    path = project / "profiles" / "resources" / f"{models}.yaml"
    if not path.is_file():
        return True  # a set of the user's, whose rules ask for what a site says
    rules = yaml.safe_load(path.read_text(encoding="utf-8")).get("set-resources") or {}
    return any(needs.get("gpu") for needs in rules.values())


def read_speed(
    assumed: Mapping[str, float], project: Path, given: Path | None = None, only_gpus: bool = False
) -> Speed:
    """The speed in a file of `make bench`, by default the newest that has one.

    Args:
        assumed: TFLOP/s by precision where nothing was measured.
        project: folder of the workflow.
        given: the file to take, whatever it was measured on.
        only_gpus: take no other file that was measured on a CPU, or does not say on what.

    Raises:
        ToffeeError: the file that was given cannot be read or has no such figures.
    """
    files = sorted((project / BENCH).glob("*.json"), key=lambda path: -path.stat().st_mtime)
    passed_over: list[str] = []
    for path in [given] if given else files:
        found = _read(path)
        if found and only_gpus and not given and found[2] != "cuda":
            passed_over.append(found[1])
        elif found:
            return Speed(found[0], assumed, found[1], tuple(passed_over))
        if given:
            raise ToffeeError(f"{path}: no {KEY}, expected TFLOP/s by precision (see make bench)")
    return Speed({}, assumed, passed_over=tuple(passed_over))


def _read(path: Path) -> tuple[dict[str, float], str, str] | None:
    """Figures of a file, who measured them where, and the kind of device ("" where it is not said);
    None where it is none of these files."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        figures = {str(ALIASES.get(k, k)): float(v) for k, v in dict(content[KEY]).items() if v}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not figures or min(figures.values()) <= 0:
        return None
    device = content.get("device")
    origin = f"{path}" + (f" on {device}" if isinstance(device, str) else "")
    return figures, origin, str(content.get("device_kind", ""))
