"""Table `dataset`: how many pairs there are, what each filter leaves, what was set aside."""

import math
import os
import re
from pathlib import Path

import pandas as pd

from toffee.runtime.errors import ToffeeError
from toffee.synthesis.filter import ALL_KINDS

TABLE_COLUMNS = ("method", "setting", "metric", "value", "stderr", "n", "source")
THIS_RUN = "this run"
EDITING = "editing"
_EDITING_NOTE = re.compile(r"([\d.]+)M of the pairs are editing pairs")

Row = tuple[str, str, float, float, int]  # setting, metric, value, stderr, n


def dataset_table(
    funnel: str | os.PathLike,
    quarantine: str | os.PathLike,
    published: str | os.PathLike | None = None,
) -> pd.DataFrame:
    """Count the dataset.

    Rows of method `this run`, with the kind of pairs as setting (each one, `editing` for all but
    generation, `all`):

    - `candidates`, `pairs`: synthesized and accepted samples;
    - `yield`: pairs / candidates, with the binomial standard error √(y(1−y)/n);
    - `yield_<filter>`: share of what reached that filter and passed it, with its standard error;
    - `quarantined`: pictures set aside, setting is the reason (`all` for their sum).

    Rows of method `Toffee` repeat the published `pairs`. n is the number that a share is taken of;
    for a count it is the count itself.

    Args:
        funnel: the filter's funnel (CSV).
        quarantine: pictures set aside when the plan was made (CSV).
        published: config/published/cost.csv; without it there are no published rows.

    Returns:
        Columns method, setting, metric, value, stderr (NaN for counts), n, source.

    Raises:
        ToffeeError: an input is missing or lacks what is expected.
    """
    steps = _with_editing(_read(funnel, ("kind", "filter", "remaining")))
    rows: list[Row] = []
    for kind, group in steps.groupby("kind", sort=False):
        left = [int(remaining) for remaining in group["remaining"]]
        rows.append((kind, "candidates", left[0], math.nan, left[0]))
        rows.append((kind, "pairs", left[-1], math.nan, left[-1]))
        rows.append((kind, "yield", *_share(left[-1], left[0])))
        for name, before, after in zip(group["filter"][1:], left, left[1:], strict=False):
            rows.append((kind, f"yield_{name}", *_share(after, before)))
    reasons = _read(quarantine, ("reason",))["reason"]
    for reason, count in reasons.value_counts().sort_index().items():
        rows.append((str(reason), "quarantined", count, math.nan, count))
    rows.append((ALL_KINDS, "quarantined", len(reasons), math.nan, len(reasons)))
    table = _table([(THIS_RUN, *row, "measured") for row in rows])
    if published is None:
        return table
    return pd.concat([table, published_rows(published)], ignore_index=True)


def published_rows(path: str | os.PathLike) -> pd.DataFrame:
    """The size of the paper's dataset: pairs in all, for editing, and for generation.

    Raises:
        ToffeeError: the file has no such row.
    """
    frame = _read(path, ("system", "pairs", "note"))
    found = frame[frame["system"] == "Toffee"]
    note = _EDITING_NOTE.search(str(found["note"].iloc[0])) if len(found) else None
    if note is None:
        raise ToffeeError(f"{path}: no row Toffee that says how many pairs are editing pairs")
    total, editing = round(found["pairs"].iloc[0]), round(float(note[1]) * 1e6)
    counts = {"generation": total - editing, EDITING: editing, ALL_KINDS: total}
    return _table(
        [("Toffee", kind, "pairs", n, math.nan, n, "published") for kind, n in counts.items()]
    )


def _with_editing(funnel: pd.DataFrame) -> pd.DataFrame:
    """The funnel with the sum of the editing kinds in front of `all`."""
    kinds = funnel["kind"]
    edits = funnel[~kinds.isin(["generation", ALL_KINDS])]
    summed = edits.groupby("filter", sort=False, as_index=False)["remaining"].sum()
    return pd.concat(
        [funnel[kinds != ALL_KINDS], summed.assign(kind=EDITING), funnel[kinds == ALL_KINDS]],
        ignore_index=True,
    )


def _share(part: int, whole: int) -> tuple[float, float, int]:
    """A share, its binomial standard error and what it is a share of; NaN of nothing."""
    if whole == 0:
        return math.nan, math.nan, 0
    share = part / whole
    return share, math.sqrt(share * (1 - share) / whole), whole


def _table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS))


def _read(path: str | os.PathLike, columns: tuple[str, ...]) -> pd.DataFrame:
    read = pd.read_parquet if Path(path).suffix == ".parquet" else pd.read_csv
    try:
        frame = read(path)
    except (OSError, ValueError) as error:
        raise ToffeeError(
            f"{path}: cannot be read, expected a table with {', '.join(columns)}"
        ) from error
    for name in columns:
        if name not in frame:
            raise ToffeeError(f"{path}: column {name} is missing, expected {', '.join(columns)}")
    return frame
