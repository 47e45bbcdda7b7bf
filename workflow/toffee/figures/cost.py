"""Figure `cost`: measured seconds and published hours, in panels of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from toffee.figures.chart import (
    INK,
    MUTED,
    OTHER,
    OURS,
    OURS_LIGHT,
    as_picture,
    new_figure,
    plain,
)
from toffee.runtime.files import atomic_path
from toffee.tables.cost import ALL_STAGES, OURSELVES, PER_PAIR, RIVAL
from toffee.tables.tidy import MEASURED, PUBLISHED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_cost(table: Path, out: Path, width: int = 1200) -> None:
    """Measured seconds and published hours, as bars in panels of their own.

    table: the CSV of `tabulate_cost`.
    """
    rows = pd.read_csv(table)
    seconds = rows[(rows["source"] == MEASURED) & (rows["metric"] == PER_PAIR)].to_dict("records")
    ours = [row for row in seconds if row["method"] == OURSELVES]
    rivals = [row for row in seconds if row["method"] == RIVAL]
    whole = next(n for n, row in enumerate(ours) if row["setting"] == ALL_STAGES)
    published = rows[rows["source"] == PUBLISHED].sort_values("value", ascending=False)
    figure = new_figure(width, 8.6)
    top, middle, bottom = figure.subfigures(3, 1, squeeze=False, height_ratios=(1, 0.7, 1.1)).flat
    top.suptitle(
        "Measured here: seconds of compute for each accepted pair (lines: standard error)",
        x=0.01,
        ha="left",
    )
    left, right = top.subplots(1, 2, width_ratios=(3, 2))
    both = [(f"{RIVAL}, {row['setting']}", row, OTHER) for row in rivals]
    bars(left, [*both, (OURSELVES, ours[whole], OURS)], "seconds, logarithmic", logarithmic=True)
    stages = [(row["setting"].replace("_", " "), row, OURS_LIGHT) for row in ours[:whole][::-1]]
    bars(right, stages, f"seconds, {OURSELVES} by stage")
    middle.suptitle(f"Measured here: {RIVAL} over {OURSELVES}, for a pair", x=0.01, ha="left")
    ratios = [
        (row["setting"], row, OURS)
        for row in rows.to_dict("records")[::-1]
        if row["metric"] == "ratio"
    ]
    bars(middle.subplots(), ratios, "times the seconds")
    bottom.suptitle("Published: hours of compute, as the sources print them", x=0.01, ha="left")
    hours = [
        (
            f"{row['method']}\n{row['setting'].partition(';')[0]}",
            row,
            OURS if row["method"] == OURSELVES else MUTED,
        )
        for row in published.to_dict("records")
    ]
    bars(bottom.subplots(), hours, "hours, of GPUs or TPUs (not of this machine)")
    with atomic_path(out) as temporary:
        as_picture(figure).save(temporary, "PNG")


def bars(
    axes: Axes,
    rows: Sequence[tuple[str, Mapping[Any, Any], str]],
    label: str,
    logarithmic: bool = False,
) -> None:
    """Horizontal bars, the first at the bottom, with their values beside them.

    rows: name, row of the table, and colour of each bar.
    """
    names, cells, colours = zip(*rows, strict=True)
    values = [float(row["value"]) for row in cells]
    errors = [0.0 if pd.isna(row["stderr"]) else float(row["stderr"]) for row in cells]
    axes.barh(names, values, xerr=errors, color=colours, ecolor=INK, height=0.62)
    for place, (value, error) in enumerate(zip(values, errors, strict=True)):
        text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        axes.annotate(
            text, (value + error, place), (5, 0), textcoords="offset points", va="center", color=INK
        )
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 3, max(values) * 4)
    else:
        ends = [value + error for value, error in zip(values, errors, strict=True)]
        axes.set_xlim(0, max(ends) * 1.15)
        axes.xaxis.set_major_formatter("{x:,.6g}")
    axes.set_xlabel(label)
    plain(axes, "x")
