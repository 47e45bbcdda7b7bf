"""Figure `learning`: the loss over the steps of every training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from toffee.figures.chart import INK, MUTED, OURS, OURS_LIGHT, as_picture, new_figure, plain
from toffee.figures.pictures import shown_name
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.tables.tidy import read_csv

LOSSES = "losses.csv"
"""As `toffee.training.loop` names it, which a figure does not import: it would load torch."""
SPAN = 20
"""A point of a curve is the mean over this part of the steps: one step's loss is mostly noise."""


def plot_learning(models: Sequence[Path], out: Path, width: int = 1200) -> None:
    """Loss by step: the two generators, then each ToffeeNet of the tables, one panel for a kind.

    models: folders of trained models; those of one panel differ in the number at their end.
    """
    panels: dict[str, dict[str, pd.Series]] = {}
    for folder in map(Path, models):
        name = shown_name(folder.name.partition("-")[0])
        name = f"ToffeeNet, {name}" if folder.parent.name == "variants" else name
        panels.setdefault(name, {})[folder.name] = read_losses(folder)
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(width, 2.6 * lines)
    axes = figure.subplots(lines, columns, squeeze=False).flat
    for place, (name, curves) in zip(axes, panels.items(), strict=False):
        draw_curves(place, curves)
        place.set_title(name, loc="left", fontsize="medium", color=INK)
    for empty in list(axes):
        empty.set_axis_off()
    figure.supxlabel(
        f"optimizer step; means over 1/{SPAN} of the steps; dark: first training, light: others",
        color=MUTED,
    )
    figure.supylabel("loss", color=MUTED)
    with atomic_path(out) as temporary:
        as_picture(figure).save(temporary, "PNG")


def read_losses(folder: Path) -> pd.Series:
    """Loss by step of a model's training. Raises ToffeeError where there is none."""
    losses = read_csv(folder / LOSSES, ("step", "loss")).set_index("step")["loss"]
    if losses.empty:
        raise ToffeeError(f"{folder / LOSSES}: no step, expected one line for each")
    return losses


def draw_curves(axes, curves: Mapping[str, pd.Series]) -> None:
    """One line for each training, the first one in front."""
    for number, losses in enumerate(curves.values()):
        span = -(-len(losses) // SPAN)
        part = (losses.index - 1) // span
        means = losses.groupby(part).mean()
        ends = losses.index.to_series().groupby(part).max()
        first = number == 0
        colour = OURS if first else OURS_LIGHT
        axes.plot(ends, means, color=colour, zorder=2 if first else 1, linewidth=1.5)
    plain(axes)
