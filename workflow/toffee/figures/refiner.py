"""Figure `refiner`: what each matching rule and control makes of the initial image."""

from __future__ import annotations

from pathlib import Path

from toffee.config.sections.refiner import MATCHING_RULES
from toffee.figures.grid import Cell, Grid, save_figure
from toffee.figures.pictures import HELD_OUT, picture, rows_of, varied
from toffee.storage.reader import Shard

METHODS = {
    "initial": "initial",
    "control": "control: nothing replaced",
    **{rule: rule.replace("+", " + ") for rule in MATCHING_RULES},
    "ceiling": "ceiling: own tokens",
    "wrong_subject": "wrong subject",
}


def plot_refiner(images: Path, out: Path, rows: int = 10) -> None:
    """Held-out subjects: the photo, then what each matching rule and control makes of the initial
    image."""
    with Shard(images) as shard:
        table = rows_of(shard, ("subject", "class_word", "prompt", "method"))
        photos = {
            name: row
            for name, row in zip(table["subject"][::-1], table["row"][::-1], strict=True)
            if shard.has("subject", row)
        }
        methods = [name for name in METHODS if (table["method"] == name).any()]
        where = table.drop_duplicates(["subject", "method"]).set_index(["subject", "method"])["row"]
        subjects = table.drop_duplicates("subject").to_dict("records")
        cells, labels = [], []
        for subject in varied(subjects, rows, ("class_word",)):
            name = subject["subject"]
            drawn = [
                picture(shard, "image", where[name, method]) if (name, method) in where else None
                for method in methods
            ]
            photo = picture(shard, "subject", photos[name]) if name in photos else None
            cells.append([Cell(photo), *map(Cell, drawn)])
            labels.append(subject["prompt"])
    columns = ("subject", *(METHODS[name] for name in methods))
    title = "Refiner on held-out subjects: how tokens are matched"
    caption = (
        f"{HELD_OUT}Initial: what the base model draws for the text on the left, in the subject's "
        "outline. Each other column draws it again, with those of its tokens replaced that match "
        "the subject's by the rule; the ceiling has the subject's own tokens in their places, "
        "wrong subject those of another one."
    )
    save_figure(Grid(cells, columns, labels, title, caption), out)
