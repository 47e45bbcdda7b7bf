"""Tidy tables: measured rows beside published ones, one row per method, setting and metric.

Columns: method, setting, metric, value, stderr, n, source (measured or published). stderr: standard
error over n subjects. Differences are rows with the method "A − B" and their paired standard error,
shares of a closed gap rows with the method "gap_closed(A)".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, write_text

TABLE = ("method", "setting", "metric", "value", "stderr", "n", "source")
MEASURED, PUBLISHED = "measured", "published"
PAIRED = (
    "Mean over subjects ± standard error over n subjects, and over trainings where a model was "
    "trained several times; differences are paired by subject and prompt."
)
MORE = "More metrics are in the CSV."
NOT_COMPARABLE = (
    "**Measured and published rows are not comparable here**: the measured ones come from another "
    "world (procedural renders of {resolution} pixels) and from other, much smaller encoders. "
    "Compare within the measured rows only."
)

Row = tuple[Any, ...]
"""Method, setting, metric, value and, where they are known, stderr and n."""


def tidy(rows: Iterable[Row], source: str = MEASURED) -> pd.DataFrame:
    """Rows as a tidy table."""
    filled = [(*row, *(None, None)[len(row) - 4 :], source) for row in rows]
    return _typed(pd.DataFrame(filled, columns=list(TABLE)))


def measured(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames of the statistics as one tidy table of measured rows."""
    return _typed(pd.concat(list(parts), ignore_index=True).assign(source=MEASURED))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    types = {"value": "float64", "stderr": "float64", "n": "Int64"}
    return table.reindex(columns=list(TABLE)).astype(types)


def read_csv(path: Path, columns: Sequence[str], **options: Any) -> pd.DataFrame:
    """A CSV file that has some columns. `options` are those of `pandas.read_csv`.

    Raises ToffeeError where it cannot be read or lacks one of the columns.
    """
    expected = ", ".join(columns)
    try:
        frame = pd.read_csv(path, **options)
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: cannot be read, expected a CSV with {expected}") from error
    for name in columns:
        if name not in frame:
            raise ToffeeError(f"{path}: column {name} is missing, expected {expected}")
    return frame


def comparability(source: str, resolution: int) -> str:
    """The note that measured and published rows do not compare, for tables that have both.

    source, resolution: of the measured photographs (config `data`). Empty where they are real.
    """
    return NOT_COMPARABLE.format(resolution=resolution) if source == "world" else ""


def without(table: pd.DataFrame, *conditions: str) -> pd.DataFrame:
    """The table with some conditions left out of the settings, which the text around it states."""
    setting = table["setting"]
    for condition in conditions:
        setting = setting.str.replace(f"; {condition}", "", regex=False)
        setting = setting.where(setting != condition, "")
    return table.assign(setting=setting)


def ordered(
    scores: pd.DataFrame, order: Sequence[str], needed: Sequence[str], path: Path
) -> pd.DataFrame:
    """Scores sorted by `order` of methods, those of other methods last.

    path: what the scores were read from, for the message. Raises ToffeeError where there are none
    of a needed method.
    """
    present = list(scores["method"].unique())
    missing = [method for method in needed if method not in present]
    if missing:
        raise ToffeeError(f"{path}: no scores of method {missing[0]!r}")
    rank = [*(m for m in order if m in present), *(m for m in present if m not in order)]
    return scores.sort_values("method", key=lambda m: m.map(rank.index), kind="stable")


def only(scores: pd.DataFrame, metrics: Iterable[str]) -> pd.DataFrame:
    """The scores of some metrics."""
    return scores[scores["metric"].isin(list(metrics))]


def write_table(
    table: pd.DataFrame, csv: Path, page: Path, title: str, parts: Sequence[str]
) -> None:
    """Write a tidy table as CSV, and a page of Markdown: the title, then parts as paragraphs."""
    with atomic_path(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    write_text(page, "\n\n".join(part for part in (f"## {title}", *parts) if part) + "\n")
