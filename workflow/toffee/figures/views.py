"""Figure `views`: generated views of held-out subjects."""

from __future__ import annotations

from pathlib import Path

from toffee.figures.grid import Cell, Grid, save_figure
from toffee.figures.pictures import HELD_OUT, picture, rows_of, varied
from toffee.storage.reader import Shard


def plot_views(images: Path, out: Path, rows: int = 8) -> None:
    """Held-out subjects: the view that is given, the target pose, the generated view."""
    with Shard(images) as shard:
        table = rows_of(shard, ("class_word", "subject")).to_dict("records")
        chosen = varied(table, rows, ("class_word",))
        names = ("source", "target", "generated")
        cells = [[Cell(picture(shard, name, row["row"])) for name in names] for row in chosen]
    columns = ("given view", "target pose", "generated view")
    labels = [row["class_word"] for row in chosen]
    title = "View Generator on held-out subjects"
    caption = f"{HELD_OUT}The target pose is a real view; only its depth is given."
    save_figure(Grid(cells, columns, labels, title, caption), out)
