"""Table `base`: what the metric CLIP reads in the base model's images, and in real ones."""

from __future__ import annotations

from pathlib import Path

from toffee.evaluation.scores_file import read_scores
from toffee.evaluation.statistics import summarise
from toffee.tables.markdown import markdown
from toffee.tables.tidy import measured, ordered, write_table


def tabulate_base(scores: Path, csv: Path, page: Path) -> None:
    """Share of images whose attributes the metric CLIP reads right."""
    order = ("real", "text", "depth")
    frame = ordered(read_scores(scores), order, needed=("real",), path=scores)
    text = (
        "Share of images of which the metric CLIP reads the attribute right: `real` held-out "
        "renders, images drawn from `text` alone and with the `depth` ControlNet, for held-out "
        "prompts; a texture where the prompt names one, a light by day, at sunset and at dusk."
    )
    error = "Mean ± standard error over n pictures, fewer for texture and light."
    table = measured([summarise(frame)])
    write_table(table, csv, page, "Base model", [markdown(table), text, error])
