"""What the charts of the figures share: colours, plain axes, and a chart as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINES = "#18181b", "#68686f", "#e5e7eb"
OURS, OURS_LIGHT, OTHER = "#1d4ed8", "#93a8e0", "#b45309"
DPI = 100


def new_figure(width: int, height: float) -> Figure:
    """An empty figure, `width` pixels wide and `height` inches high."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / DPI, height), dpi=DPI, layout="constrained")


def plain(axes: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Only the axes that are read, a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=LINES, linewidth=0.8, axis=grid)
    axes.set_axisbelow(True)


def as_picture(figure: Figure) -> Image.Image:
    """The figure, drawn."""
    with io.BytesIO() as buffer:
        figure.savefig(buffer, format="png", metadata={"Software": None})
        buffer.seek(0)
        return Image.open(buffer).convert("RGB")
