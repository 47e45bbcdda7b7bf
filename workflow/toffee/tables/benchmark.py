"""What tables on the benchmark share: conditions in the settings, and ToffeeNet beside variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.config.sections.evaluation import TUNED_METHODS
from toffee.config.variants import BASE, row_of
from toffee.evaluation.names import ALL
from toffee.evaluation.scores_file import read_all_scores
from toffee.evaluation.statistics import in_common, paired_difference, summarise
from toffee.runtime.errors import ToffeeError
from toffee.tables.tidy import measured, without

CLASS_PROMPT, TOKEN_PROMPT = "class prompt", "token prompt"
TOKEN_METHODS = TUNED_METHODS
"""Methods that draw with the unique token."""
GENERATION = (
    "dino",
    "clip_i",
    "clip_t",
    "dino_masked",
    "histogram_masked",
    "copy_rate",
    "diversity",
)
"""Metrics that the Markdown of variants shows."""


def with_conditions(frame: pd.DataFrame, encoders: str) -> pd.DataFrame:
    """Benchmark scores whose settings also say the reference policy, the prompt variant and the
    metric encoders."""
    token = [row_of(method) in TOKEN_METHODS for method in frame["method"]]
    prompts = np.where(token, TOKEN_PROMPT, CLASS_PROMPT)
    prompt = pd.Series(prompts, index=frame.index).where(frame["method"] != "oracle", "")
    setting = frame["setting"].str.cat(frame["references"], sep="; ").str.cat(prompt, sep="; ")
    return frame.assign(setting=setting.str.strip("; ") + f"; encoders {encoders}")


def without_conditions(table: pd.DataFrame, encoders: str) -> pd.DataFrame:
    """The table of variants without what all its settings share; the text says it."""
    return without(table, f"encoders {encoders}", CLASS_PROMPT, ALL)


def read_variants(scores: Sequence[Path], encoders: str) -> pd.DataFrame:
    """Benchmark scores of `toffeenet` and of variants against all photos, on the subjects, prompts
    and seeds that all of them have."""
    frame = read_all_scores(scores)
    frame = base_first(frame[frame["references"] == ALL], scores)
    return with_conditions(in_common(frame, list(frame["method"].unique())), encoders)


def base_first(frame: pd.DataFrame, scores: Sequence[Path]) -> pd.DataFrame:
    """Scores, those of `toffeenet` first. Raises ToffeeError where there are none of it."""
    require_methods(frame, [BASE], scores)
    return frame.sort_values("method", key=lambda m: m != BASE, kind="stable")


def require_methods(frame: pd.DataFrame, methods: Sequence[str], scores: Sequence[Path]) -> None:
    """Raise ToffeeError where the scores that were read lack a method."""
    for method in methods:
        if method not in set(frame["method"]):
            raise ToffeeError(f"{Path(scores[0]).parent}: no scores of method {method!r}")


def labelled(
    frame: pd.DataFrame, labels: Mapping[str, str], scores: Sequence[Path]
) -> pd.DataFrame:
    """Scores in the order of `labels`, which maps a method to the first part of its setting.

    Raises ToffeeError where a method has none.
    """
    require_methods(frame, list(labels), scores)
    frame = frame.assign(setting=frame["method"].map(labels).str.cat(frame["setting"], sep="; "))
    return frame.sort_values("method", key=lambda m: m.map(list(labels).index), kind="stable")


def against_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Means, and differences to the first method, as a tidy table."""
    first, *rest = frame["method"].unique()
    return measured([summarise(frame), *(paired_difference(frame, m, first) for m in rest)])


def describe_part(frame: pd.DataFrame, encoders: str) -> str:
    """Which part of the benchmark a table of variants is measured on."""
    prompts = frame.groupby("subject")["prompt"].nunique().max()
    seeds = frame["seed"].nunique()
    return (
        f"Each generated image against all photos of its subject; {prompts} prompts of each "
        f"subject, {seeds} generation seed{'s' * (seeds != 1)}, the same noise for all rows; "
        f"{describe_trainings(frame)}. Metric encoders: {encoders}."
    )


def describe_trainings(frame: pd.DataFrame) -> str:
    """How many trainings the scores are of."""
    count = frame["training"].nunique()
    return f"{count} trainings of each ToffeeNet" if count > 1 else "one training of each ToffeeNet"
