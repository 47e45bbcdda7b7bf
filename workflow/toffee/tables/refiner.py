"""Table `refiner`: what each matching rule makes of the initial image."""

from __future__ import annotations

from pathlib import Path

from toffee.config.sections.refiner import MATCHING_RULES
from toffee.evaluation.names import SIMILARITIES
from toffee.evaluation.scores_file import read_scores
from toffee.evaluation.statistics import gap_closed, paired_difference, summarise
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, PAIRED, measured, only, ordered, write_table

SHOWN = (
    "dino_masked",
    "clip_i_masked",
    "histogram_masked",
    "efficientnet_masked",
    "clip_t",
    "mask_found",
)


def tabulate_refiner(scores: Path, csv: Path, page: Path, default: str) -> None:
    """Similarity to the subject by matching rule, differences to the initial image, and the gap
    closed.

    default: the config's matching rule; its rows carry the setting "default". Raises ToffeeError
    where the scores lack the methods initial or ceiling.
    """
    frame = read_scores(scores)
    frame["setting"] = ["default" if method == default else "" for method in frame["method"]]
    order = ("initial", "control", *MATCHING_RULES, "wrong_subject", "ceiling")
    frame = ordered(frame, order, needed=("initial", "ceiling", default), path=scores)
    methods = [method for method in frame["method"].unique() if method != "initial"]
    images = only(frame, SIMILARITIES)
    parts = [summarise(frame)]
    parts += [paired_difference(frame, method, "initial") for method in methods]
    parts += [
        gap_closed(images, "initial", method, "ceiling")
        for method in methods
        if method in MATCHING_RULES
    ]
    text = (
        "Similarity to the subject's photo of what the Refiner makes of the initial image. "
        "`control` replaces no token, `wrong_subject` takes another subject's tokens, `ceiling` "
        "puts the subject's own tokens in their own places. `gap_closed(A)` = (A − "
        "initial) / (ceiling − initial)."
    )
    table = measured(parts)
    write_table(table, csv, page, "Refiner", [markdown(table, SHOWN), text, PAIRED, MORE])
