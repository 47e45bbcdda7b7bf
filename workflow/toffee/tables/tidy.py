"""Tidy tables: measured rows beside published ones, as CSV and as Markdown.

Columns: method, setting, metric, value, stderr, n, source (measured or published). stderr: standard
error over n subjects. Differences are rows with the method "A − B" and their paired standard error,
shares of a closed gap rows with the method "gap_closed(A)". The Markdown shows the same numbers, a
method a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from toffee.evaluation.statistics import MINUS
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, write_text

TABLE = ("method", "setting", "metric", "value", "stderr", "n", "source")
COUNTS = ("candidates", "pairs", "quarantined")
"""Metrics that are whole numbers."""
PUBLISHED_METRICS = ("dino", "clip_i", "seg_dino", "clip_t")
NOT_COMPARABLE = (
    "**Measured and published rows are not comparable here**: the measured ones come from another "
    "world (procedural renders of {resolution} pixels) and from other, much smaller encoders. "
    "Compare within the measured rows only."
)


def published_rows(path: Path) -> pd.DataFrame:
    """The published rows in the tables' columns.

    The setting is the backbone, the number of references, the source, and its note.
    """
    try:
        published = pd.read_csv(path, dtype={"reference_images": str})
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected a CSV of published rows ({error})") from None
    metrics = [name for name in PUBLISHED_METRICS if name in published]
    if "method" not in published or not metrics:
        raise ToffeeError(f"{path}: expected the columns method and dino, clip_i or clip_t")
    rows = []
    for row in published.to_dict("records"):
        backbone, references = (row.get(name) for name in ("backbone", "reference_images"))
        setting = [] if pd.isna(backbone) else [str(backbone)]
        setting += (
            []
            if pd.isna(references)
            else [f"{references} reference image{'s' * (references != '1')}"]
        )
        told = [row.get(name) for name in ("source", "note")]
        setting = "; ".join([", ".join(setting), *(str(text) for text in told if pd.notna(text))])
        rows += [
            (
                row["method"],
                setting.removeprefix("; "),
                name,
                float(row[name]),
                None,
                None,
                "published",
            )
            for name in metrics
            if pd.notna(row[name])
        ]
    return _typed(pd.DataFrame(rows, columns=list(TABLE)))


def published_ablation(path: Path, table: str) -> pd.DataFrame:
    """The published rows of one ablation: method Toffee, the setting with its source."""
    try:
        published = pd.read_csv(path)
        rows = published[published["table"] == table].to_dict("records")
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{path}: expected a CSV of published ablations ({error})") from None
    if not rows:
        raise ToffeeError(f"{path}: no row of table {table}")
    values = [
        ("Toffee", f"{row['setting']}; {row['source']}", name, row[name], None, None, "published")
        for row in rows
        for name in PUBLISHED_METRICS
        if pd.notna(row.get(name))
    ]
    return _typed(pd.DataFrame(values, columns=list(TABLE)))


def comparability(source: str, resolution: int) -> str:
    """What a table with published rows has to say about comparing: config `data.source` and
    `data.resolution` of the measured ones; nothing where the photographs are real."""
    return NOT_COMPARABLE.format(resolution=resolution) if source == "world" else ""


def without(table: pd.DataFrame, *conditions: str) -> pd.DataFrame:
    """The table with conditions that all its rows share left out of the settings, for reading."""
    setting = table["setting"]
    for condition in conditions:
        setting = setting.str.replace(f"; {condition}", "", regex=False)
        setting = setting.where(setting != condition, "")
    return table.assign(setting=setting)


def markdown(table: pd.DataFrame, metrics: Sequence[str] | None = None) -> str:
    """Wide Markdown of a tidy table: a line a method and setting, a column a metric (all, or those
    given), cells `value ± stderr`; `blocks` one below the other."""
    texts = []
    for head, *rows in blocks(table, metrics):
        labels = 2 if head[1] == "setting" else 1
        rule = ["---"] * labels + ["---:"] * (len(head) - labels)
        texts.append("\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rows)))
    return "\n\n".join(texts)


def blocks(table: pd.DataFrame, metrics: Sequence[str] | None = None) -> list[list[list[str]]]:
    """A tidy table in wide form, as lines of text cells, the head first.

    Plain methods, paired differences, shares of the gap and published rows are blocks of their own;
    a block that would be empty is left out.
    """
    metrics = metrics or list(dict.fromkeys(table["metric"]))
    table = only(table, metrics)
    gap = table["method"].str.startswith("gap_closed(")
    difference = table["method"].str.contains(f" {MINUS} ", regex=False)
    published = table["source"] == "published"
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
    for (method, setting), group in rows.groupby(["method", "setting"], sort=False):
        cells = group.set_index("metric")
        line = [method, *([setting] if settings else [])]
        line += [_cell(cells.loc[name], sign) if name in cells.index else "–" for name in columns]
        counts = sorted({int(n) for n in group["n"].dropna()})
        lines.append([*line, *(["/".join(map(str, counts))] if counted else [])])
    return lines


def _cell(row: pd.Series, sign: str) -> str:
    if pd.isna(row["value"]):
        return "–"
    if row.name in COUNTS:
        return f"{row['value']:.0f}"
    digits = 3 if abs(row["value"]) < 100 else 0
    value = f"{row['value']:{sign},.{digits}f}".replace("-", MINUS)
    return value if pd.isna(row["stderr"]) else f"{value} ± {row['stderr']:,.{digits}f}"


def write_table(
    table: pd.DataFrame, csv: Path, page: Path, title: str, parts: Sequence[str]
) -> None:
    """Write a tidy table as CSV, and a page of Markdown: the title, then parts as paragraphs."""
    with atomic_path(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    write_text(page, "\n\n".join(part for part in (f"## {title}", *parts) if part) + "\n")


def measured(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Rows of the statistics as one tidy table of measured rows."""
    return _typed(pd.concat(list(parts), ignore_index=True).assign(source="measured"))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    types = {"value": "float64", "stderr": "float64", "n": "Int64"}
    return table.reindex(columns=list(TABLE)).astype(types)


def ordered(
    scores: pd.DataFrame, order: Sequence[str], needed: Sequence[str], path: Path
) -> pd.DataFrame:
    """Scores sorted by `order` of methods (others after them). Raises ToffeeError where a needed
    one is missing."""
    present = list(scores["method"].unique())
    missing = [method for method in needed if method not in present]
    if missing:
        raise ToffeeError(f"{path}: no scores of method {missing[0]!r}")
    rank = [*(m for m in order if m in present), *(m for m in present if m not in order)]
    return scores.sort_values("method", key=lambda m: m.map(rank.index), kind="stable")


def only(scores: pd.DataFrame, metrics: Iterable[str]) -> pd.DataFrame:
    """The scores of some metrics."""
    return scores[scores["metric"].isin(list(metrics))]
