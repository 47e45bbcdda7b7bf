"""Figure `editing`: editing pairs of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toffee.figures.grid import Cell, Grid, masked, picture_of_mask, save_figure
from toffee.figures.pictures import EDITING_KINDS, open_shard, read_index


def plot_editing(index: Path, shards: Sequence[Path], out: Path, rows: int = 2) -> None:
    """Accepted editing pairs: prompt, input, mask, masked input, target; `rows` of each of the
    four kinds."""
    accepted = read_index(index)
    accepted = accepted[accepted["accepted"]]
    cells, labels = [], []
    for kind in EDITING_KINDS:
        for row in accepted[accepted["kind"] == kind].head(rows).to_dict("records"):
            with open_shard(shards, row["shard"]) as shard:
                source, mask, target = (
                    shard.arrays(name, [row["row"]])[0] for name in ("input", "mask", "target")
                )
                prompt = shard.column("prompt")[row["row"]]
            pictures = (source, picture_of_mask(mask), masked(source, mask), target)
            cells.append([Cell(image) for image in pictures])
            labels.append(f"{kind}:\n{prompt}")
    columns = ("input", "mask", "masked input", "target")
    caption = "Outside of the mask input and target are the same picture."
    save_figure(Grid(cells, columns, labels, "Editing pairs", caption), out)
