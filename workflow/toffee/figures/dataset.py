"""Figure `dataset`: what there is, what the filter leaves and why, a wall of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from toffee.data.loaders.subjects import load_subjects
from toffee.figures.chart import (
    INK,
    OTHER,
    OURS,
    OURS_LIGHT,
    as_picture,
    new_figure,
    plain,
)
from toffee.figures.grid import BAD, GOOD, Cell, Grid, save_figure
from toffee.figures.pictures import TRAINED_ON, open_shard, photo_like, picture, read_index, varied
from toffee.synthesis.filter import Threshold, read_scores, thresholds_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


PANELS = 4
"""Histograms in a line."""


def plot_dataset(
    index: Path,
    shards: Sequence[Path],
    subjects: Path,
    thresholds: Mapping[str, float | str],
    out: Path,
    columns: int = 3,
    rows: int = 5,
    calibration: Path | None = None,
) -> None:
    """Kinds and scores of all candidates with the filter's thresholds, then a wall of accepted and
    rejected pairs: subject, input and target with scores and the reason of rejection.

    thresholds: config section `filter`; calibration: what quantiles among them are looked up in.
    """
    table = read_index(index)
    photos = {subject.subject: subject.image for subject in load_subjects(subjects).subjects}
    grids = []
    for accepted, title in ((True, "Accepted pairs"), (False, "Rejected pairs")):
        chosen = table[table["accepted"] == accepted]
        share = f"{len(chosen)} of {len(table)} candidates. " if len(table) else ""
        keys = ("reason", "kind") if not accepted else ("kind",)
        picks = varied(chosen.to_dict("records"), columns * rows, keys)
        cells = [pair_cell(row, shards, photos) for row in picks]
        wall = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        if wall:
            caption = (
                f"{share}{TRAINED_ON}Each: subject, input, target; scores: S similarity to the "
                "subject, T alignment with the text, C copy rate, A mask area."
            )
            grids.append(Grid(wall, title=title, caption=caption))
    candidates = read_scores(shards).merge(
        table[["sample_id", "accepted", "reason"]], on="sample_id"
    )
    limits = thresholds_of(thresholds, calibration)
    save_figure(grids, out, above=lambda width: draw_charts(candidates, limits, width))


def draw_charts(
    candidates: pd.DataFrame, thresholds: Sequence[Threshold], width: int
) -> Image.Image:
    """Pairs by kind, what each filter leaves, and the histogram of each score with its thresholds.

    candidates: scores, kind, accepted and reason of every candidate.
    """
    scores = list(dict.fromkeys(one.score for one in thresholds))
    lines = -(-len(scores) // PANELS)
    figure = new_figure(width, 4 + 2.6 * lines)
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(4, 2.6 * lines)).flat
    left, right = top.subplots(1, 2)
    draw_kinds(left, candidates)
    draw_funnel(right, candidates, thresholds)
    axes = list(bottom.subplots(lines, PANELS, squeeze=False).flat)
    bottom.suptitle(
        "Scores of all candidates, number by score; dashed: the filter's thresholds",
        x=0.01,
        ha="left",
    )
    for axis, score in zip(axes, scores, strict=False):
        draw_scores(axis, candidates, score, [one for one in thresholds if one.score == score])
    for empty in axes[len(scores) :]:
        empty.set_axis_off()
    bottom.legend(
        *axes[0].get_legend_handles_labels(), frameon=False, loc="outside upper right", ncols=2
    )
    return as_picture(figure)


def draw_kinds(axis: Axes, candidates: pd.DataFrame) -> None:
    """Candidates and accepted pairs by kind."""
    counts = candidates.groupby("kind")["accepted"].agg(["size", "sum"]).sort_values("size")
    axis.barh(counts.index, counts["size"], color=OURS_LIGHT, label="candidates", height=0.62)
    axis.barh(counts.index, counts["sum"], color=OURS, label="accepted pairs", height=0.62)
    for place, (total, kept) in enumerate(counts.itertuples(index=False)):
        axis.annotate(
            f"{kept} of {total}",
            (total, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    axis.set_xlim(0, counts["size"].max() * 1.25)
    axis.set_title("Pairs by kind", loc="left")
    axis.legend(frameon=False, loc="lower right")
    plain(axis, "x")


def draw_funnel(axis: Axes, candidates: pd.DataFrame, thresholds: Sequence[Threshold]) -> None:
    """Samples left after each filter."""
    left = len(candidates) - (candidates["reason"].str.startswith("missing")).sum()
    steps = {"candidates": len(candidates), "scored": left}
    for one in thresholds:
        left -= (candidates["reason"] == one.name).sum()
        steps[one.name.replace("_", " ")] = left
    names, values = list(steps)[::-1], list(steps.values())[::-1]
    axis.barh(names, values, color=OURS, height=0.62)
    for place, value in enumerate(values):
        axis.annotate(
            str(value), (value, place), (5, 0), textcoords="offset points", va="center", color=INK
        )
    axis.set_xlim(0, len(candidates) * 1.12)
    axis.set_title("What each filter leaves", loc="left")
    plain(axis, "x")


def draw_scores(
    axis: Axes, candidates: pd.DataFrame, score: str, thresholds: Sequence[Threshold]
) -> None:
    """Histogram of a score, accepted on rejected pairs, for the kinds of its thresholds."""
    kinds = {kind for one in thresholds for kind in one.kinds}
    of_kinds = candidates[candidates["kind"].isin(kinds)] if kinds else candidates
    groups = [of_kinds.loc[of_kinds["accepted"] == kept, score].dropna() for kept in (True, False)]
    axis.hist(groups, bins=24, stacked=True, color=[OURS, OTHER], label=["accepted", "rejected"])
    for one in thresholds:
        axis.axvline(one.value, color=INK, linewidth=1.4, linestyle="--")
    axis.set_title(score.replace("_", " "), loc="left", fontsize="medium")
    axis.set_xlabel(", ".join(sorted(kinds)) or "all kinds", fontsize="small")
    axis.tick_params(labelsize="small")
    plain(axis, "y")


def pair_cell(row: dict[Any, Any], shards: Sequence[Path], photos: Mapping[str, Path]) -> Cell:
    """A pair with its scores: the subject's photo, the pair's input and the target.

    The input of an editing pair is the picture before the change, else the subject's view.
    """
    with open_shard(shards, row["shard"]) as shard:
        at = row["row"]
        before = "input" if shard.has("input", at) else "subject"
        pictures = [picture(shard, name, at) for name in (before, "target")]
        subject = shard.column("subject")[at]
        photo = photo_like(photos[subject], shard, "target") if subject in photos else None
        scores = {
            letter: shard.column(name)[at]
            for letter, name in (
                ("S", "subject_similarity"),
                ("T", "text_alignment"),
                ("C", "copy_rate"),
                ("A", "mask_area"),
            )
        }
        prompt = shard.column("prompt")[at]
    empty = np.full_like(next(image for image in (*pictures, photo) if image is not None), 238)
    gap = np.full((len(empty), 2, 3), 255, np.uint8)
    first, second, third = (empty if x is None else x for x in (photo, *pictures))
    triple = np.concatenate([first, gap, second, gap, third], axis=1)
    numbers = " · ".join(f"{letter} {value:.2f}" for letter, value in scores.items())
    verdict = "" if row["accepted"] else f"\nrejected: {row['reason'].replace('_', ' ')}"
    note = f"{row['kind']}: {prompt}\n{numbers}{verdict}"
    return Cell(triple, note, GOOD if row["accepted"] else BAD)
