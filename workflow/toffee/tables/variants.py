"""Table `variants`: ToffeeNet and the variants that are trained on other pairs, at both tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toffee.config.variants import BASE
from toffee.evaluation.names import DEPTH_SETTING
from toffee.evaluation.scores_file import read_all_scores
from toffee.evaluation.statistics import paired_difference, summarise
from toffee.tables.benchmark import (
    GENERATION,
    base_first,
    describe_part,
    read_variants,
    without_conditions,
)
from toffee.tables.editing import ALL_EDITS, EDIT_METRICS, EDITING
from toffee.tables.markdown import markdown
from toffee.tables.tidy import MORE, PAIRED, measured, without, write_table


def tabulate_variants(
    generation: Sequence[Path],
    editing: Sequence[Path],
    csv: Path,
    page: Path,
    encoders: str,
) -> None:
    """ToffeeNet and the variants that differ in what they are trained on, at both tasks.

    generation: benchmark scores of `toffeenet` and of the variants, any number of files; editing:
    scores of their edits. Raises ToffeeError where one has no scores of `toffeenet`.
    """
    drawn = read_variants(generation, encoders)
    edits = base_first(read_all_scores(editing), editing)
    edits = edits[edits["setting"] != DEPTH_SETTING]
    drawn["setting"] = "generation; " + drawn["setting"]
    pooled = edits.assign(setting=f"editing; {ALL_EDITS}")
    by_kind = edits.assign(setting="editing; " + edits["setting"])
    parts = [summarise(drawn), summarise(pooled), summarise(by_kind)]
    for frame in (drawn, pooled):
        others = [method for method in frame["method"].unique() if method != BASE]
        parts += [paired_difference(frame, method, BASE) for method in others]
        parts += [paired_difference(frame, a, b) for a, b in zip(others, others[1:], strict=False)]
    table = measured(parts)
    shown = without_conditions(table, encoders)
    generation_rows = shown[shown["setting"] == "generation"]
    editing_rows = shown[shown["setting"] == f"editing; {ALL_EDITS}"]
    body = [
        "Generation: the benchmark's subjects under prompts.",
        markdown(generation_rows, GENERATION),
        describe_part(drawn, encoders),
        "Editing: held-out pairs of all four kinds.",
        markdown(without(editing_rows, ALL_EDITS), EDITING),
        EDIT_METRICS,
        PAIRED,
        MORE + " The CSV also has the kinds of edits one by one.",
    ]
    write_table(table, csv, page, "Variants of ToffeeNet", body)
