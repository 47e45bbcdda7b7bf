"""Figure `editing`: editing pairs of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from toffee.evaluation.scores_file import read_scores
from toffee.figures.grid import Cell, Grid, masked, picture_of_mask, save_figure
from toffee.figures.pictures import EDITING_KINDS, TRAINED_ON, open_shard, read_index, read_note


def plot_editing(
    index: Path, shards: Sequence[Path], scores: Path, out: Path, rows: int = 2
) -> None:
    """Accepted editing pairs: what was asked, input, mask, masked input, target with how surely
    the metric CLIP reads the change; `rows` of each of the four kinds.

    scores: of the pairs that `score_dataset` chose; these are shown first.
    """
    accepted = read_index(index)
    accepted = accepted[accepted["accepted"]]
    read = read_scores(scores)
    read = read[read["metric"] == "change_read"][["sample_id", "value"]]
    accepted = accepted.merge(read.rename(columns={"value": "read"}), how="left", on="sample_id")
    unscored = accepted["read"].isna()
    accepted = pd.concat([accepted[~unscored], accepted[unscored]])
    cells, labels, empty = [], [], []
    for kind in EDITING_KINDS:
        chosen = accepted[accepted["kind"] == kind].head(rows).to_dict("records")
        for row in chosen:
            with open_shard(shards, row["shard"]) as shard:
                source, mask, target = (
                    shard.arrays(name, [row["row"]])[0] for name in ("input", "mask", "target")
                )
                before, asked = (
                    shard.column(name)[row["row"]] for name in ("source_prompt", "prompt")
                )
            before_it = (source, picture_of_mask(mask), masked(source, mask))
            cells.append([*map(Cell, before_it), Cell(target, read_note(row["read"]))])
            labels.append(f"{kind}: {asked}\nbefore: {before}")
        if not chosen:
            empty.append(kind)
    columns = ("input", "mask", "masked input", "target")
    caption = (
        f"{TRAINED_ON}Left: what was asked, and the text of the input. Only what is white in the "
        "mask changes. Read: with which probability the metric CLIP, which the filter never saw, "
        "reads what was asked before any other edit of the kind."
    )
    if empty:
        caption += f" No pair was accepted of kind {', '.join(empty)}."
    save_figure(Grid(cells, columns, labels, "Editing pairs of the dataset", caption), out)
