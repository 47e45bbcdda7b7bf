"""Table `views`: generated views against real ones of the own subject and of another."""

from __future__ import annotations

from pathlib import Path

from toffee.evaluation.scores_file import read_scores
from toffee.evaluation.statistics import paired_difference, summarise
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, PAIRED, measured, ordered, write_table

SHOWN = (
    "dino_masked",
    "clip_i_masked",
    "histogram_masked",
    "efficientnet_masked",
    "mask_iou",
    "mask_found",
)


def tabulate_views(scores: Path, csv: Path, page: Path) -> None:
    """Generated views against the own subject, another of the same class, and the copy-the-source
    control."""
    order = ("own_target", "other_target", "own_source", "other_source", "copy_source")
    frame = ordered(read_scores(scores), order, needed=order, path=scores)
    pairs = (
        ("own_target", "other_target"),
        ("own_source", "other_source"),
        ("own_target", "own_source"),
        ("own_target", "copy_source"),
    )
    table = measured([summarise(frame), *(paired_difference(frame, a, b) for a, b in pairs)])
    text = (
        "The generated view against a real view: of its `own` subject or of an `other` subject of "
        "the same class, at the `target`'s or the `source`'s pose. `copy_source` puts the source "
        "view in place of the generated one. `mask_iou`: overlap of the two views' subject masks."
    )
    write_table(table, csv, page, "View Generator", [markdown(table, SHOWN), text, PAIRED, MORE])
