"""Table `editing`: held-out edits by kind, and drawing in the layout of another view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from toffee.config.variants import BASE
from toffee.evaluation.names import DEPTH_SETTING
from toffee.evaluation.scores_file import read_all_scores
from toffee.evaluation.statistics import paired_difference, summarise
from toffee.tables.benchmark import base_first
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, PAIRED, measured, write_table

ALL_EDITS = "all edits"
EDITING = (
    "dino_inside",
    "histogram_inside",
    "dino_masked",
    "histogram_masked",
    "clip_t",
    "change_read",
    "outside_error",
    "outside_drift",
)
LAYOUT = ("mask_iou", "depth_error", "dino_masked", "histogram_masked", "clip_t")
EDIT_METRICS = (
    "`dino_inside`, `histogram_inside`: what is inside of the mask against the inside of the "
    "target, which is the base model's own edit; `dino_masked`, `histogram_masked`: the subject, "
    "found by its class word, against a real photo of it; for colour and texture it is meant to "
    "change. `change_read`: with which probability the metric CLIP reads what was asked rather "
    "than every other edit of the kind, and did not in the input. `outside_error`: mean absolute "
    "difference to the input outside of the mask; it is 0 "
    "because the input is pasted back there, which is part of the method here. `outside_drift`: "
    "the same before pasting, so what the model itself changes there. Where the segmenter "
    "does not find the subject the mask is empty: the picture stays in, with similarity 0 inside."
)


def tabulate_editing(
    scores: Sequence[Path],
    depth: Sequence[str],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """Editing by kind, and drawing in the layout of another view.

    scores: of the edits of `toffeenet`, the controls `input` and `target`, and any variants; depth:
    variants that take depth. Raises ToffeeError where there are no scores of `toffeenet`.
    """
    frame = base_first(read_all_scores(scores), scores)
    edits = frame[frame["setting"] != DEPTH_SETTING]
    layouts = frame[frame["setting"] == DEPTH_SETTING]
    pooled = edits.assign(setting=ALL_EDITS)
    parts = [summarise(edits), summarise(pooled)]
    parts += [paired_difference(pooled, BASE, "input"), paired_difference(pooled, BASE, "target")]
    parts += [paired_difference(pooled, method, BASE) for method in depth]
    edit_table = measured(parts)
    layout_table = measured(
        [summarise(layouts), *(paired_difference(layouts, method, BASE) for method in depth)]
    )
    takers = ", ".join(f"`{name}`" for name in depth)
    body = [
        markdown(edit_table, EDITING),
        "Held-out pairs, made as the dataset's are. `input`: the picture before the edit; "
        "`target`: the base model's own edit, which knows the subject by the words alone. "
        + EDIT_METRICS,
        "Depth-controlled generation: the subject, seen from one side, is drawn under a prompt in "
        "the layout of its real photo from another side (`target`).",
        markdown(layout_table, LAYOUT),
        "`mask_iou`: overlap of the drawn subject's mask with that photo's; `depth_error`: mean "
        "absolute difference of the normalised depths. "
        + (f"{takers} is given the photo's depth, " if depth else "No variant takes depth; ")
        + "`toffeenet` is not given the layout.",
        f"Metric encoders: {encoders}.",
        PAIRED,
        MORE,
    ]
    table = pd.concat([edit_table, layout_table], ignore_index=True)
    write_table(table, csv, page, "Subject-driven editing", body)
