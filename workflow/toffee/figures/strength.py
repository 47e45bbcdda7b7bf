"""Figure `strength`: similarity against text alignment over λ, and what λ does to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from toffee.evaluation.names import ALL, scale_name
from toffee.evaluation.scores_file import read_all_scores
from toffee.evaluation.statistics import summarise
from toffee.figures.chart import INK, OURS, OURS_LIGHT, as_picture, new_figure, plain
from toffee.figures.grid import Cell, Grid, save_figure
from toffee.figures.pictures import (
    HELD_OUT,
    photo_like,
    picture,
    rows_of,
    shown_photos,
    varied,
)
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

SIMILARITY, ALIGNMENT = "dino", "clip_t"
LABELS = {SIMILARITY: "similarity to the subject (DINO)", ALIGNMENT: "text alignment (CLIP-T)"}


def plot_strength(
    scores: Sequence[Path],
    images: Path,
    benchmark: Path,
    references: Path,
    strengths: Sequence[float],
    out: Path,
    rows: int = 6,
) -> None:
    """The curve over λ, then a strip of pictures: subjects by λ, each row from the same noise.

    Args:
        scores: benchmark scores of the sweep, the setting is λ.
        images: pictures of the sweep, of one generation seed.
        benchmark, references: the subjects' photos, and which of them is kept.
        strengths: values of λ, rising.

    Raises:
        ToffeeError: a value of λ has no scores.
    """
    names = [scale_name(strength) for strength in strengths]
    curve = curve_of(scores, names)
    photos = shown_photos(benchmark, references)
    with Shard(images) as shard:
        table = rows_of(shard, ("subject", "class_word", "prompt", "setting"))
        where = table.set_index(["subject", "prompt", "setting"])["row"]
        cells, labels = [], []
        subjects = table.drop_duplicates("subject").to_dict("records")
        for place, subject in enumerate(varied(subjects, rows, ("class_word",))):
            name = subject["subject"]
            prompts = table.loc[table["subject"] == name, "prompt"].unique()
            prompt = prompts[place % len(prompts)]
            drawn = [picture(shard, "image", where[name, prompt, s]) for s in names]
            cells.append([Cell(photo_like(photos[name], shard, "image")), *map(Cell, drawn)])
            labels.append(prompt)
    caption = f"{HELD_OUT}One row: one subject, one prompt, one noise; only λ changes."
    grid = Grid(cells, ("photo", *names), labels, "λ at inference, held-out subjects", caption)
    save_figure(grid, out, above=lambda width: draw_curve(curve, strengths, width))


def curve_of(scores: Sequence[Path], names: Sequence[str]) -> pd.DataFrame:
    """Mean and standard error of both metrics by setting: columns (metric, value | stderr)."""
    frame = read_all_scores(scores)
    frame = frame[(frame["references"] == ALL) & frame["metric"].isin(LABELS)]
    table = summarise(frame).pivot(index="setting", columns="metric", values=["value", "stderr"])
    missing = [setting for setting in names if setting not in table.index]
    if missing:
        raise ToffeeError(f"{Path(scores[0]).parent}: no scores of {missing[0]}")
    return table.swaplevel(axis=1).loc[list(names)]


def draw_curve(curve: pd.DataFrame, strengths: Sequence[float], width: int) -> Image.Image:
    """Similarity against alignment, and either against λ, as a picture of some width in pixels."""
    figure = new_figure(width, 4.2)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 2)).flat
    axes = left.subplots()
    x, y = (curve[name] for name in (ALIGNMENT, SIMILARITY))
    bars = {"ecolor": OURS_LIGHT, "elinewidth": 1.2, "capsize": 2}
    axes.errorbar(
        x["value"], y["value"], xerr=x["stderr"], yerr=y["stderr"], fmt="none", zorder=1, **bars
    )
    axes.plot(x["value"], y["value"], "-o", color=OURS, markersize=6, zorder=2)
    for number in apart(x["value"].to_numpy(), y["value"].to_numpy()):
        text = f"λ = {strengths[number]:g}" if number == 0 else f"{strengths[number]:g}"
        at = (x["value"].iloc[number], y["value"].iloc[number])
        axes.annotate(text, at, (7, 7), textcoords="offset points", color=INK)
    axes.set_xlabel(LABELS[ALIGNMENT])
    axes.set_ylabel(LABELS[SIMILARITY])
    axes.set_title("Similarity against text alignment (lines: standard error)", loc="left")
    axes.margins(0.12)
    below = right.subplots(2, 1, sharex=True)
    for axis, (name, label) in zip(below, LABELS.items(), strict=True):
        part = curve[name]
        axis.errorbar(strengths, part["value"], yerr=part["stderr"], fmt="-o", color=OURS, **bars)
        axis.set_title(label, loc="left", fontsize="medium")
    below[-1].set_xlabel("λ")
    for axis in (axes, *below):
        plain(axis)
    return as_picture(figure)


def apart(x: np.ndarray, y: np.ndarray, share: float = 0.06) -> list[int]:
    """Points of a curve whose labels do not lie on each other: the first, and each one that is
    further than a share of the curve's extent from the last one taken."""
    scale = max(float(np.ptp(x)), 1e-9), max(float(np.ptp(y)), 1e-9)
    taken: list[int] = []
    for number in range(len(x)):
        last = taken[-1] if taken else None
        if last is None or (
            np.hypot((x[number] - x[last]) / scale[0], (y[number] - y[last]) / scale[1]) > share
        ):
            taken.append(number)
    return taken
