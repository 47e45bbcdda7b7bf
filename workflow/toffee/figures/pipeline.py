"""Figure `pipeline`: from a subject to a pair, stage by stage."""

from __future__ import annotations

from pathlib import Path

from toffee.figures.grid import Cell, Grid, save_figure
from toffee.figures.pictures import TRAINED_ON, photo_like, picture, varied
from toffee.storage.reader import Shard
from toffee.synthesis.plan import read_plan

STAGES = ("initial", "refined", "view")


def plot_pipeline(
    plan: Path, subjects: Path, multiview_root: str, examples: Path, out: Path, rows: int = 8
) -> None:
    """Subject → initial → refined → view: one row per subject, of one shard's generation samples.

    Args:
        plan: plan of a shard.
        subjects, multiview_root: roots of the photos, and of the frames whose pose the views have.
        examples: pictures of all stages of some of the plan's samples (see
            `toffee.synthesis.examples`).
    """
    roots = {"subjects": Path(subjects), "multiview": Path(multiview_root)}
    samples = read_plan(plan).to_dict("records")
    with Shard(examples) as shown:
        kept = zip(shown.column("row"), range(len(shown)), strict=True)
        drawn = [
            samples[row] | {"place": place}
            for row, place in kept
            if all(shown.has(name, place) for name in STAGES)
        ]
        cells, labels = [], []
        for sample in varied(drawn, rows, ("class_word", "subject")):
            photo = photo_like(Path(subjects) / sample["image"], shown, STAGES[0])
            pose = photo_like(roots[sample["donor_folder"]] / sample["donor"], shown, STAGES[2])
            *target, view = (picture(shown, name, sample["place"]) for name in STAGES)
            cells.append([Cell(image) for image in (photo, *target, pose, view)])
            labels.append(sample["prompt"])
    caption = (
        f"{TRAINED_ON}Initial: the prompt drawn over the subject's depth. Refined: the subject's "
        "details put back. View: the subject in the pose of another object, of which only the "
        "depth is given."
    )
    columns = ("subject", "initial", "refined: the target", "pose asked for", "view: the input")
    save_figure(Grid(cells, columns, labels, "From a subject to a pair", caption), out)
