"""Figure `pipeline`: from a subject to a pair, stage by stage."""

from __future__ import annotations

from pathlib import Path

from toffee.figures.grid import Cell, Grid, save_figure
from toffee.figures.pictures import first_picture, photo_like, picture, varied
from toffee.storage.reader import Shard
from toffee.synthesis.plan import read_plan


def plot_pipeline(
    plan: Path, subjects: Path, initial: Path, refined: Path, views: Path, out: Path, rows: int = 8
) -> None:
    """Subject → initial → refined → view: one row per subject, of one shard's generation samples.

    plan: plan of a shard; subjects: root of their photos; initial, refined, views: the
    stages' files of one shard, of which the first picture is shown.
    """
    samples = read_plan(plan)
    samples = samples[samples["kind"] == "generation"]
    with Shard(initial) as first, Shard(refined) as second, Shard(views) as third:
        stages = [(shard, first_picture(shard)) for shard in (first, second, third)]
        drawn = [
            sample
            for sample in samples.to_dict("records")
            if all(shard.has(name, sample["row"]) for shard, name in stages)
        ]
        cells, labels = [], []
        for sample in varied(drawn, rows, ("class_word", "subject")):
            photo = photo_like(Path(subjects) / sample["image"], *stages[0])
            pictures = [picture(shard, name, sample["row"]) for shard, name in stages]
            cells.append([Cell(image) for image in (photo, *pictures)])
            labels.append(sample["prompt"])
    columns = ("subject", "initial", "refined", "view")
    caption = (
        "Initial: the prompt drawn over the subject's depth. Refined: the subject's details put "
        "back. View: the subject in another pose, the pair's input."
    )
    save_figure(Grid(cells, columns, labels, "From a subject to a pair", caption), out)
