"""Published rows: numbers that were printed elsewhere, in the columns of the tidy tables.

The files are config/published/*.csv. A published row has no standard error, and its setting says
where it was printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from toffee.runtime.errors import ToffeeError
from toffee.synthesis.filter import ALL_KINDS
from toffee.tables.tidy import PUBLISHED, read_csv, tidy

PAPER = "Toffee"
METRICS = ("dino", "clip_i", "seg_dino", "clip_t")
EDITING = "editing"
_EDITING_NOTE = re.compile(r"([\d.]+)M of the pairs are editing pairs")


def published_methods(path: Path) -> pd.DataFrame:
    """Methods on the benchmark (dreambench.csv).

    The setting is the backbone, the number of reference images, the source, and its note.
    """
    frame = read_csv(path, ("method", "dino"), dtype={"reference_images": str})
    return _by_metric((row["method"], _setting(row), row) for row in frame.to_dict("records"))


def _setting(row: dict[Any, Any]) -> str:
    keys = ("backbone", "reference_images", "source", "note")
    backbone, references, source, note = (
        "" if pd.isna(row.get(key)) else str(row[key]) for key in keys
    )
    images = f"{references} reference image{'s' * (references != '1')}" if references else ""
    model = ", ".join(part for part in (backbone, images) if part)
    return "; ".join(part for part in (model, source, note) if part)


def published_ablation(path: Path, table: str) -> pd.DataFrame:
    """The paper's rows of one ablation (ablations.csv)."""
    rows = read_csv(path, ("table", "setting", "source"))
    rows = rows[rows["table"] == table]
    if rows.empty:
        raise ToffeeError(f"{path}: no row of table {table}")
    return _by_metric(
        (PAPER, f"{row['setting']}; {row['source']}", row) for row in rows.to_dict("records")
    )


def _by_metric(rows: Iterable[tuple[str, str, dict[Any, Any]]]) -> pd.DataFrame:
    """Method, setting and a row of a file, as one row per metric that it has."""
    return tidy(
        (
            (method, setting, name, float(row[name]))
            for method, setting, row in rows
            for name in METRICS
            if pd.notna(row.get(name))
        ),
        PUBLISHED,
    )


def published_hours(path: Path) -> pd.DataFrame:
    """Hours of compute (cost.csv); the setting is amount, unit, bound and source."""
    columns = ("system", "subjects", "pairs", "compute_hours", "compute_unit", "bound", "source")
    return tidy(
        (
            (
                row["system"],
                f"{_amount(row)}, {row['compute_unit']} hours, {row['bound']}; {row['source']}",
                "hours",
                float(row["compute_hours"]),
            )
            for row in read_csv(path, columns).to_dict("records")
        ),
        PUBLISHED,
    )


def _amount(row: dict[Any, Any]) -> str:
    subjects = row["subjects"]
    return f"{subjects:,.0f} subjects" if pd.notna(subjects) else f"{row['pairs']:,.0f} pairs"


def published_pairs(path: Path) -> pd.DataFrame:
    """The size of the paper's dataset (cost.csv): pairs for generation, for editing, and in all.

    Raises:
        ToffeeError: the file has no such row.
    """
    frame = read_csv(path, ("system", "pairs", "note"))
    found = frame[frame["system"] == PAPER]
    note = _EDITING_NOTE.search(str(found["note"].iloc[0])) if len(found) else None
    if note is None:
        raise ToffeeError(f"{path}: no row {PAPER} that says how many pairs are editing pairs")
    total, editing = round(float(found["pairs"].iloc[0])), round(float(note[1]) * 1e6)
    counts = {"generation": total - editing, EDITING: editing, ALL_KINDS: total}
    return tidy(
        ((PAPER, kind, "pairs", count, None, count) for kind, count in counts.items()), PUBLISHED
    )
