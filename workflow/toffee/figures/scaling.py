"""Figure `scaling`: quality against pairs and against cost, with DreamBooth's frontier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toffee.evaluation.statistics import MINUS
from toffee.figures.chart import INK, MUTED, OTHER, OURS, as_picture, new_figure, plain
from toffee.runtime.files import atomic_path
from toffee.tables.scaling import CURVES, SLOPE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {"dino": "similarity to the subject (DINO)", "clip_t": "text alignment (CLIP-T)"}
RIVALS = {"dreambooth": "DreamBooth, all photos", "dreambooth_one_photo": "DreamBooth, one photo"}
MARKERS = "osD^v"
ALIKE = 1.25
"""Numbers of pairs, or of subjects, that differ by less than this factor are about equal."""


def plot_scaling(table: Path, out: Path, width: int = 1200) -> None:
    """Both metrics over the number of pairs, and over the seconds of compute.

    table: the CSV of `tabulate_scaling`.
    """
    rows = pd.read_csv(table, keep_default_na=False, na_values={"stderr": "", "value": ""})
    rows["setting"] = rows["setting"].str.partition("; ")[0]
    keep = ~rows["method"].str.contains(f" {MINUS} ", regex=False) & (rows["method"] != SLOPE)
    wide = rows[keep].pivot_table(
        index=["method", "setting"], columns="metric", values=["value", "stderr"], sort=False
    )
    nets = wide[wide["value", "pairs"].notna()].sort_values(("value", "pairs"))
    rivals = wide[wide["value", "pairs"].isna()].reset_index()
    figure = new_figure(width, 7.5)
    for (left, right), metric in zip(figure.subplots(2, 2, sharey="row"), CURVES, strict=True):
        draw_nets(left, nets, "pairs", metric)
        draw_nets(right, nets, "seconds", metric)
        for (name, label), colour in zip(RIVALS.items(), (OTHER, MUTED), strict=True):
            some = rivals[rivals["method"] == name]  # by steps, as in the table
            line(right, some, "seconds", metric, colour, "^", label)
        left.set_ylabel(LABELS[metric])
        left.set_xlabel("pairs that ToffeeNet is trained on")
        right.set_xlabel("seconds of compute for the benchmark's subjects (see the table)")
        for axes in (left, right):
            axes.set_xscale("log", base=2 if axes is left else 10)
            plain(axes)
    figure.axes[0].legend(frameon=False)
    figure.axes[1].legend(frameon=False)
    with atomic_path(out) as temporary:
        as_picture(figure).save(temporary, "PNG")


def draw_nets(axes: Axes, nets: pd.DataFrame, across: str, metric: str) -> None:
    """ToffeeNets, a line for each number of steps; those with `fewer_subjects` stand alone."""
    steps = nets.index.get_level_values("setting").str.rpartition(", ").get_level_values(2)
    fewer = fewer_subjects(nets, steps)
    for place, count in enumerate(dict.fromkeys(steps)):
        some = nets[(steps == count) & ~fewer]
        mark = MARKERS[place % len(MARKERS)]
        line(axes, some, across, metric, OURS, mark, f"ToffeeNet, {count}")
    for _, net in nets[fewer].iterrows():
        x, y = net["value", across], net["value", metric]
        axes.errorbar(x, y, net["stderr", metric], fmt="*", color=INK, markersize=10)
        text = f"{net['value', 'subjects']:.0f} subjects"
        axes.annotate(text, (x, y), (7, -12), textcoords="offset points", color=INK)


def fewer_subjects(nets: pd.DataFrame, steps: pd.Index) -> np.ndarray:
    """Which nets saw fewer subjects than another one with about as many pairs and equal steps. With
    fewer pairs alone there are fewer subjects, too."""
    pairs, subjects = (nets["value", name].to_numpy(float) for name in ("pairs", "subjects"))
    alike = np.abs(np.log(pairs[:, None] / pairs)) < np.log(ALIKE)
    alike &= np.asarray(steps)[:, None] == np.asarray(steps)
    return np.where(alike, subjects, 0).max(1, initial=0) > ALIKE * subjects


def line(
    axes: Axes, rows: pd.DataFrame, across: str, metric: str, colour: str, mark: str, label: str
) -> None:
    """One line with its errors; nothing where there are no rows."""
    if len(rows):
        axes.errorbar(
            rows["value", across],
            rows["value", metric],
            rows["stderr", metric],
            fmt=f"-{mark}",
            color=colour,
            label=label,
            elinewidth=1.2,
            capsize=2,
        )
