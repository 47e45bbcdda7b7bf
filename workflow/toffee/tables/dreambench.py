"""Table `dreambench`: the measured methods and the real-photo oracle, beside the published rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from toffee.config.sections.evaluation import TUNED_METHODS
from toffee.evaluation.benchmark import changing_prompts, living_subjects
from toffee.evaluation.names import ALL, SIMILARITIES
from toffee.evaluation.oracle import compare_with_published, describe_gate
from toffee.evaluation.scores_file import read_all_scores
from toffee.evaluation.statistics import gap_closed, in_common, paired_difference, summarise
from toffee.tables.benchmark import CLASS_PROMPT, describe_trainings, with_conditions
from toffee.tables.markdown import markdown
from toffee.tables.published import published_methods
from toffee.tables.tidy import (
    MORE,
    PAIRED,
    comparability,
    measured,
    only,
    ordered,
    without,
    write_table,
)

SHOWN = (
    "dino",
    "clip_i",
    "clip_t",
    "dino_masked",
    "histogram_masked",
    "efficientnet",
    "efficientnet_masked",
    "copy_rate",
    "diversity",
)
ROWS = (
    "Each generated image against real photos of its subject: `all photos`, or the `one photo` "
    "kept of each subject (which is also what ToffeeNet is shown). `initial`: the base model "
    "over the depth of that photo. `dreambooth`: the base model fine-tuned on all photos of "
    "the subject; `dreambooth_one_photo`: on that photo alone. `copy_rate`: share of the "
    "subject's patches that repeat that photo in place. `diversity`: mean distance (1 − DINO) "
    "of the pictures of one subject and prompt over generation seeds. `oracle`: real photos "
    "against each other. `gap_closed(A)` = (A − text_only) / (oracle − text_only)."
)
"""What the rows and some columns of the table are."""


def tabulate_dreambench(
    scores: Sequence[Path],
    oracle: Path,
    benchmark: Path,
    published: Path,
    csv: Path,
    page: Path,
    source: str,
    resolution: int,
    encoders: str,
    gate: Mapping[str, Any],
) -> None:
    """The benchmark: measured methods and the real-photo oracle, beside the published rows.

    Args:
        scores: of any method and generation seed.
        oracle: scores of real photos.
        benchmark: its folder, which tells living subjects from objects, and contexts from prompts
            that change the subject.
        published: CSV of published methods.
        source, resolution: see `tidy.comparability`.
        encoders: names of the metric DINO and CLIP.
        gate: what the oracle has to score (config `evaluation.oracle`), as
            `compare_with_published` takes it.

    Raises:
        ToffeeError: the oracle does not score that, or text_only or oracle has no scores.
    """
    order = ("text_only", "initial", *TUNED_METHODS, "wrong_subject", "toffeenet", "oracle")
    frame = read_all_scores([*scores, oracle])
    frame = ordered(frame, order, needed=("text_only", "oracle"), path=Path(oracle).parent)
    frame = with_conditions(frame, encoders)
    parts = []
    for policy in frame["references"].unique():
        parts += _rows_of_policy(frame[frame["references"] == policy])
    whole = frame[frame["references"] == ALL]
    parts += _rows_by_kind(whole, living_subjects(benchmark))
    parts += _rows_by_prompt(whole, changing_prompts(benchmark))
    table = pd.concat([measured(parts), published_methods(published)], ignore_index=True)
    seeds = frame.loc[frame["method"] != "oracle", "seed"].nunique()
    how = (
        "`living`, `objects`: the means over the animals and over the rest of the subjects apart. "
        "`contexts`, `changes`: over prompts that put the subject somewhere, and over those that "
        "ask for another look of it (`a purple ball`), where to be like the photos and to follow "
        "the text are opposites. "
        f"{seeds} generation seed{'s' * (seeds != 1)}, {describe_trainings(frame)}. Prompts name "
        "the class word without a unique token, unless the setting says `token prompt`; `clip_t` "
        f"is always taken with the former. Metric encoders: {encoders} (`dino`, `clip`); "
        "`histogram` and `efficientnet` were not trained here."
    )
    body = [
        markdown(without(table, f"encoders {encoders}", CLASS_PROMPT), SHOWN),
        ROWS,
        how,
        *describe_gate(compare_with_published(frame[frame["method"] == "oracle"], **gate)),
        comparability(source, resolution),
        PAIRED,
        MORE,
    ]
    write_table(table, csv, page, "DreamBench", body)


def _rows_by_kind(frame: pd.DataFrame, living: Collection[str]) -> list[pd.DataFrame]:
    """Means over living subjects and over objects apart; none where there are no living ones."""
    alive = frame["subject"].isin(living)
    if not alive.any() or alive.all():
        return []
    return [
        summarise(part.assign(setting=f"{name}; " + part["setting"]))
        for name, part in (("living", frame[alive]), ("objects", frame[~alive]))
    ]


def _rows_by_prompt(
    frame: pd.DataFrame, changing: Collection[tuple[str, str]]
) -> list[pd.DataFrame]:
    """Means over prompts of a context and over those that change the subject apart, and ToffeeNet
    against the tuned methods; none where all prompts are of one kind."""
    drawn = frame[frame["method"] != "oracle"]
    pairs = zip(drawn["subject"], drawn["prompt"], strict=True)
    changed = pd.Series([pair in changing for pair in pairs], index=drawn.index)
    if not changed.any() or changed.all():
        return []
    rows = []
    for name, part in (("contexts", drawn[~changed]), ("changes", drawn[changed])):
        part = part.assign(setting=f"{name}; " + part["setting"])
        rows.append(summarise(part))
        methods = set(part["method"])
        for other in TUNED_METHODS if "toffeenet" in methods else ():
            if other in methods:
                pair = ("toffeenet", other)
                rows.append(paired_difference(in_common(part, pair), *pair))
    return rows


def _rows_of_policy(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Means, paired differences and shares of the gap, for one reference policy."""
    methods = [m for m in frame["method"].unique() if m not in ("text_only", "oracle")]
    pairs = [(method, "text_only") for method in methods]
    if "toffeenet" in methods:
        pairs += [("toffeenet", other) for other in methods if other != "toffeenet"]
    parts = [summarise(frame)]
    parts += [paired_difference(in_common(frame, pair), *pair) for pair in pairs]
    images = only(frame, SIMILARITIES)
    for method in methods:
        group = ("text_only", method, "oracle")
        parts.append(gap_closed(in_common(images, group), "text_only", method, "oracle"))
    return parts
