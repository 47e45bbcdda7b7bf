"""Table `calibration`: cosines of real photos, and the thresholds that were chosen of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.synthesis.thresholds import MEASURES, SHARES, look_up, read_calibration
from toffee.tables.markdown import markdown
from toffee.tables.tidy import tidy, write_table

SHOWN = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
THRESHOLD = "threshold"


def tabulate_calibration(
    calibration: Path,
    thresholds: Mapping[str, float | str],
    match_threshold: float | str,
    csv: Path,
    page: Path,
) -> None:
    """Quantiles of the cosines by what is measured and kind of pairs, then each threshold: its
    value, and which share of each kind of pairs lies below it."""
    measured = read_calibration(calibration)
    rows = [
        (measure, kind, name, float(np.interp(share, SHARES, found["quantiles"])), None, found["n"])
        for measure, kinds in measured.items()
        for kind, found in kinds.items()
        for name, share in SHOWN.items()
    ]
    chosen = []
    for name, given in ({**thresholds, "match_threshold": match_threshold}).items():
        if name not in MEASURES:
            continue
        value = look_up(name, given, calibration)
        setting = given if isinstance(given, str) else "number"
        chosen.append((name, setting, THRESHOLD, value))
        for kind, found in measured[MEASURES[name]].items():
            share = float(np.interp(value, found["quantiles"], SHARES))
            chosen.append((name, setting, f"below_{kind}", share))
    tables: list[pd.DataFrame] = [tidy(rows), tidy(chosen)]
    text = (
        "Cosines of real photos by the configured encoders: of the `same` subject, of two subjects "
        "of one `class`, of an `other` class (`text`: the class's own name, or another). `subject`:"
        " class tokens of subjects on grey; `text`: the filter's CLIP; `match`: best match of each "
        "foreground patch. n: pairs, or patches."
    )
    below = (
        "The thresholds: as they were given, their value, and the share of each kind of pairs "
        "below it."
    )
    parts = [markdown(tables[0]), text, markdown(tables[1]), below]
    write_table(pd.concat(tables, ignore_index=True), csv, page, "Calibration", parts)
