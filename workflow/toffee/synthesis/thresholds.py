"""Quantiles among the thresholds, looked up in what was measured on real photos."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from toffee.config.settings import Matching
from toffee.config.thresholds import QUANTILE
from toffee.data.texts import read_text
from toffee.provenance.digests import parse_json
from toffee.runtime.errors import ToffeeError

SUBJECT, TEXT, MATCH = "subject", "text", "match"
"""What is measured: class tokens of two subjects, a picture and a text, best matches of patches."""

MEASURES = {
    "min_subject_similarity": SUBJECT,
    "min_view_similarity": SUBJECT,
    "min_pair_similarity": SUBJECT,
    "min_text_alignment": TEXT,
    "match_threshold": MATCH,
}
"""The thresholds of cosines, and which ones they are compared with."""

SHARES = [round(0.005 * step, 3) for step in range(201)]
"""The quantiles that are kept of a distribution."""


def look_up(name: str, value: float | str, calibration: str | os.PathLike[str] | None) -> float:
    """A threshold as a number.

    Args:
        name: the threshold's, one of `MEASURES` where it is a quantile.
        value: a number, or a quantile such as `class:0.95`.
        calibration: file of rule `calibrate`; None: no threshold is a quantile.

    Raises:
        ToffeeError: there is no such distribution, or the file is none of that rule.
    """
    found = QUANTILE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return float(value)
    if calibration is None or name not in MEASURES:
        raise ToffeeError(f"{name}: {value} is a quantile, and nothing was measured for it")
    known = read_calibration(calibration)[MEASURES[name]].get(found[1])
    if known is None:
        raise ToffeeError(f"{name}: {value}, but {calibration} has no pairs of kind {found[1]}")
    return float(np.interp(float(found[2]), SHARES, known["quantiles"]))


def look_up_all(
    values: Mapping[str, float | str], calibration: str | os.PathLike[str] | None
) -> dict[str, float]:
    """Thresholds as numbers, by name (see `look_up`)."""
    return {name: look_up(name, value, calibration) for name, value in values.items()}


def settled(matching: Matching, calibration: str | os.PathLike[str] | None) -> Matching:
    """How tokens are matched, with its threshold as a number (see `look_up`)."""
    threshold = look_up("match_threshold", matching.threshold, calibration)
    return replace(matching, threshold=threshold)


def read_calibration(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Measure → kind of pairs → n and quantiles (at `SHARES`).

    Raises ToffeeError where the file is no such thing.
    """
    content = parse_json(read_text(path), Path(path))
    if not isinstance(content, dict) or set(content) != {SUBJECT, TEXT, MATCH}:
        raise ToffeeError(f"{path}: expected the quantiles that rule calibrate writes")
    return content
