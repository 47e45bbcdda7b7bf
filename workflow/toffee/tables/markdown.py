"""Tidy tables in wide form, for reading: one line per method and setting, one column per metric."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from toffee.evaluation.statistics import MINUS
from toffee.tables.tidy import PUBLISHED, only

COUNTS = ("candidates", "pairs", "quarantined", "subjects")
"""Metrics that are whole numbers."""


def markdown(table: pd.DataFrame, metrics: Sequence[str] | None = None) -> str:
    """Wide Markdown of a tidy table, its `blocks` one below the other.

    metrics: which columns, and in which order; all by default. Cells are `value ± stderr`.
    """
    texts = []
    for head, *rows in blocks(table, metrics):
        labels = 2 if head[1] == "setting" else 1
        rule = ["---"] * labels + ["---:"] * (len(head) - labels)
        texts.append("\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rows)))
    return "\n\n".join(texts)


def blocks(table: pd.DataFrame, metrics: Sequence[str] | None = None) -> list[list[list[str]]]:
    """A tidy table in wide form, as lines of text cells, the head first.

    Plain methods, paired differences, shares of the gap and published rows are blocks of their own;
    an empty block is left out.
    """
    metrics = metrics or list(dict.fromkeys(table["metric"]))
    table = only(table, metrics)
    gap = table["method"].str.startswith("gap_closed(")
    difference = table["method"].str.contains(f" {MINUS} ", regex=False)
    published = table["source"] == PUBLISHED
    parts = [
        ("measured", table[~gap & ~difference & ~published], ""),
        ("difference", table[difference], "+"),
        ("share of the gap", table[gap], ""),
        ("published", table[published], ""),
    ]
    return [_block(title, rows, metrics, sign) for title, rows, sign in parts if len(rows)]


def _block(title: str, rows: pd.DataFrame, metrics: Sequence[str], sign: str) -> list[list[str]]:
    columns = [metric for metric in metrics if (rows["metric"] == metric).any()]
    settings = rows["setting"].ne("").any()
    counted = rows["n"].notna().any()
    head = [title, *(["setting"] if settings else []), *columns, *(["n"] if counted else [])]
    lines = [head]
    for labels, group in rows.groupby(["method", "setting"], sort=False):
        method, setting = map(str, labels)
        cells = {row["metric"]: _cell(row, sign) for row in group.to_dict("records")}
        line = [method, *([setting] if settings else [])]
        line += [cells.get(name, "–") for name in columns]
        counts = sorted({int(n) for n in group["n"].dropna()})
        lines.append([*line, *(["/".join(map(str, counts))] if counted else [])])
    return lines


def _cell(row: dict, sign: str) -> str:
    if pd.isna(row["value"]):
        return "–"
    if row["metric"] in COUNTS:
        return f"{row['value']:.0f}"
    digits = 3 if abs(row["value"]) < 100 else 0
    value = f"{row['value']:{sign},.{digits}f}".replace("-", MINUS)
    return value if pd.isna(row["stderr"]) else f"{value} ± {row['stderr']:,.{digits}f}"
