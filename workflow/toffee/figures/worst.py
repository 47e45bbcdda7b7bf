"""Figure `worst`: the pictures of ToffeeNet that the benchmark likes least."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from toffee.evaluation.names import ALL
from toffee.evaluation.scores_file import read_scores
from toffee.figures.grid import Cell, Grid, save_figure
from toffee.figures.pictures import (
    HELD_OUT,
    first_picture,
    photo_like,
    picture,
    rows_of,
    shown_photos,
)
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

ORDERS = {"dino": "least like the subject (DINO)", "clip_t": "least like the text (CLIP-T)"}
CAPTIONS = {
    "dino": "Under each picture its mean similarity to all photos of the subject, and the prompt. "
    "A prompt that asks for another colour or for a sketch lowers it by what it asks.",
    "clip_t": "Under each picture its agreement with the prompt, and the prompt.",
}


def plot_worst(
    images: Path,
    scores: Path,
    benchmark: Path,
    references: Path,
    out: Path,
    count: int = 16,
    pairs: int = 4,
) -> None:
    """The worst pictures of one generation seed, each beside the photo that was shown.

    By similarity to the subject and by agreement with the text, the worst first, with the score
    and the prompt below. A subject is shown once in each order, or its failure would be all.

    Args:
        images, scores: ToffeeNet's pictures and what they score.
        benchmark, references: the subjects' photos, and which of them is kept.
        count: pictures of an order; pairs: of these in a line.
    """
    photos = shown_photos(benchmark, references)
    found = read_scores(scores)
    found = found[found["references"] == ALL]
    grids = []
    with Shard(images) as shard:
        name = first_picture(shard)
        table = rows_of(shard, ("subject", "prompt"))
        for metric, title in ORDERS.items():
            rows = worst_rows(table, found[found["metric"] == metric], count)
            if rows.empty:
                raise ToffeeError(f"{scores}: no {metric} of the pictures in {images}")
            cells = [
                [
                    Cell(
                        photo_like(photos[row["subject"]], shard, name),
                        row["subject"].replace("_", " "),
                    ),
                    Cell(picture(shard, name, row["row"]), f"{row['value']:z.2f}: {row['prompt']}"),
                ]
                for row in rows.to_dict("records")
            ]
            lines = [sum(cells[at : at + pairs], []) for at in range(0, len(cells), pairs)]
            grids.append(
                Grid(
                    lines,
                    ("photo", "drawn") * min(pairs, len(cells)),
                    title=f"Held-out subjects, the worst first: {title}",
                    caption=HELD_OUT + CAPTIONS[metric],
                )
            )
    save_figure(grids, out)


def worst_rows(table: pd.DataFrame, values: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows of pictures with the lowest values, rising, the worst one of each subject."""
    both = table.merge(values[["subject", "prompt", "value"]], on=["subject", "prompt"])
    return both.sort_values("value", kind="stable").drop_duplicates("subject").head(count)
