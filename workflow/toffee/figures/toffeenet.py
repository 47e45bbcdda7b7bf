"""Figure `toffeenet`: held-out subjects under prompts, beside what the prompt alone gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toffee.figures.grid import Cell, Grid, save_figure
from toffee.figures.pictures import (
    HELD_OUT,
    first_picture,
    photo_like,
    picture,
    rows_of,
    shown_photos,
    varied,
)
from toffee.storage.reader import Shard


def plot_toffeenet(
    methods: Sequence[str],
    images: Sequence[Path],
    benchmark: Path,
    references: Path,
    out: Path,
    rows: int = 8,
    prompts: int = 5,
) -> None:
    """Held-out subjects × prompts: the kept photo, then what ToffeeNet draws for each prompt.

    images: a file of benchmark images for each of the methods; where there is a method text_only,
    its picture for the first prompt comes last, as what the prompt alone gives.
    """
    files = dict(zip(methods, images, strict=True))
    photos = shown_photos(benchmark, references)
    with Shard(files["toffeenet"]) as shard:
        name = first_picture(shard)
        table = rows_of(shard, ("subject", "class_word", "prompt"))
        table = table.drop_duplicates(["subject", "prompt"])
        subjects = table.drop_duplicates("subject").to_dict("records")
        cells, labels = [], []
        for subject in varied(subjects, rows, ("class_word",)):
            own = table[table["subject"] == subject["subject"]]
            # spread over the list: it begins with contexts and ends with property changes
            places = np.linspace(0, len(own) - 1, min(prompts, len(own))).astype(int)
            chosen = own.iloc[places].to_dict("records")
            photo = photo_like(photos[subject["subject"]], shard, name)
            drawn = [Cell(picture(shard, name, row["row"]), row["prompt"]) for row in chosen]
            alone = []
            if "text_only" in files:
                alone = [text_only_cell(files["text_only"], subject["subject"], drawn[0].note)]
            cells.append([Cell(photo), *drawn, *alone])
            labels.append(subject["subject"].replace("_", " "))
    drawn_columns = len(cells[0]) - len(alone) - 1
    columns = ["photo", *["ToffeeNet"] * drawn_columns, *["text only"] * len(alone)]
    caption = f"{HELD_OUT}Each by the one photo on the left and the prompt under the picture."
    if alone:
        caption += " Text only: the base model, which sees no photo."
    save_figure(Grid(cells, columns, labels, "ToffeeNet on held-out subjects", caption), out)


def text_only_cell(path: Path, subject: str, prompt: str) -> Cell:
    """What the text-only model drew for a subject and prompt."""
    with Shard(path) as shard:
        same = (shard.column("subject") == subject) & (shard.column("prompt") == prompt)
        if not same.any():
            return Cell(None)
        return Cell(picture(shard, first_picture(shard), int(same.argmax())), prompt)
