"""Table `strength`: ToffeeNet by λ at inference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toffee.config.variants import BASE
from toffee.evaluation.names import ALL, scale_name
from toffee.evaluation.scores_file import read_all_scores
from toffee.evaluation.statistics import spearman, summarise
from toffee.runtime.errors import ToffeeError
from toffee.tables.benchmark import (
    CLASS_PROMPT,
    GENERATION,
    describe_part,
    with_conditions,
    without_conditions,
)
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, measured, write_table


def tabulate_strength(
    scores: Sequence[Path],
    strengths: Sequence[float],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """ToffeeNet by λ at inference, and how monotonous the curve is.

    scores: benchmark scores of the sweep, the setting is λ; strengths: its values, rising. Raises
    ToffeeError where one of them has no scores.
    """
    order = [scale_name(strength) for strength in strengths]
    frame = read_all_scores(scores)
    frame = frame[frame["references"] == ALL].assign(method=BASE)
    missing = [setting for setting in order if setting not in set(frame["setting"])]
    if missing:
        raise ToffeeError(f"{Path(scores[0]).parent}: no scores of {missing[0]}")
    monotone = spearman(frame, order, "λ")
    frame = with_conditions(frame, encoders)
    monotone["setting"] = f"{ALL}; {CLASS_PROMPT}; encoders {encoders}"
    table = measured([summarise(frame), monotone])
    body = [
        markdown(without_conditions(table, encoders), GENERATION),
        "λ weighs the subject's tokens when ToffeeNet draws; it is trained with 1. `spearman(λ)`: "
        "rank correlation of λ with the mean over subjects, ± the bootstrap's standard error "
        "over subjects; +1 rises from value to value, −1 falls.",
        describe_part(frame, encoders),
        "Mean over subjects ± standard error over n subjects.",
        MORE,
    ]
    write_table(table, csv, page, "λ at inference", body)
