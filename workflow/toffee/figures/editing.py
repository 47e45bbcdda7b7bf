"""Figure `editing`: editing pairs of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toffee.figures.grid import Cell, Grid, masked, picture_of_mask, save_figure
from toffee.figures.pictures import EDITING_KINDS, open_shard, read_index


def plot_editing(index: Path, shards: Sequence[Path], out: Path, rows: int = 2) -> None:
    """Accepted editing pairs: what was asked, input, mask, masked input, target with how surely
    the filter's CLIP reads the change; `rows` of each of the four kinds."""
    accepted = read_index(index)
    accepted = accepted[accepted["accepted"]]
    cells, labels = [], []
    for kind in EDITING_KINDS:
        for row in accepted[accepted["kind"] == kind].head(rows).to_dict("records"):
            with open_shard(shards, row["shard"]) as shard:
                source, mask, target = (
                    shard.arrays(name, [row["row"]])[0] for name in ("input", "mask", "target")
                )
                before, asked, read = (
                    shard.column(name)[row["row"]]
                    for name in ("source_prompt", "prompt", "change_read")
                )
            before_it = (source, picture_of_mask(mask), masked(source, mask))
            seen = Cell(target, f"read: {read:.2f}")
            cells.append([*map(Cell, before_it), seen])
            labels.append(f"{kind}: {asked}\nbefore: {before}")
    columns = ("input", "mask", "masked input", "target")
    caption = (
        "Left: what was asked, and the text of the input. Outside of the mask input and target are "
        "the same picture. Read: with which probability the filter's CLIP reads what was asked "
        "before any other edit of the kind."
    )
    save_figure(Grid(cells, columns, labels, "Editing pairs", caption), out)
