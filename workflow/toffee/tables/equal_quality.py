"""At how many steps DreamBooth's images are as good as the dataset's pairs, by the same filter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.config.sections.filter import SCORES
from toffee.evaluation.names import ONE_PHOTO, WANTED
from toffee.evaluation.scores_file import read_scores
from toffee.synthesis.filter import Threshold, judge, thresholds_of


@dataclass(frozen=True)
class Quality:
    """Where DreamBooth is as good as the pairs.

    Attributes:
        wanted: mean similarity of the accepted generation pairs.
        reached: that of DreamBooth's accepted images.
        steps: of DreamBooth, between those that were tried.
        share: of its images that the filter accepts.
        name: of this place, for a setting; it says where fewer or more steps were not tried.

    All are NaN where there is nothing to compare.
    """

    wanted: float
    reached: float
    steps: float
    share: float
    name: str


def equal_quality(
    steps_scores: Path,
    pair_scores: Path,
    thresholds: Mapping[str, float | str],
    calibration: Path | None = None,
) -> Quality:
    """The least number of steps at which DreamBooth's images are as similar as the pairs.

    Both are judged by the filter first, and only what it accepts counts.

    Args:
        steps_scores: of `toffee.evaluation.tune_dreambooth`.
        pair_scores: of `toffee.evaluation.score.dataset`.
        thresholds: config section `filter`.
        calibration: file that quantiles among them are looked up in.

    Returns:
        The place; not a number where no generation pair, or no image at any number of steps, is
        accepted.
    """
    pairs = read_scores(pair_scores)
    chosen = (pairs["method"] == "accepted") & (pairs["metric"] == WANTED)
    own = pairs.loc[chosen & (pairs["kind"] == "generation")].groupby("subject")["value"].mean()
    curve = by_steps(read_scores(steps_scores), thresholds_of(thresholds, calibration)).dropna()
    if own.empty or curve.empty:
        none = math.nan
        return Quality(none, none, none, none, "nothing accepted to compare")
    return crossing(curve, float(own.mean()))


def by_steps(scores: pd.DataFrame, thresholds: Sequence[Threshold]) -> pd.DataFrame:
    """Of DreamBooth's images, by the number of steps (index, rising): the share that the filter
    accepts, and the mean similarity of these over subjects; NaN where it accepts none."""
    scores = scores[scores["method"] == "dreambooth"]
    # `dropna=False` keeps an image without some scores, but also makes rows of every subject with
    # every prompt: each class has its own prompts, so of most of these there is no image.
    wide = scores.pivot_table(
        index=["setting", "subject", "prompt"], columns="metric", values="value", dropna=False
    )
    wide = wide.dropna(how="all").reset_index()
    wide = wide.assign(sample_id="", shard="", row=0, kind="generation")
    index, _ = judge(wide[[*SCORES, "sample_id", "shard", "row", "kind"]], thresholds)
    taken = index["accepted"].to_numpy()
    steps = wide["setting"].str.partition(" ")[0].astype(int)
    means = wide[taken].groupby([steps[taken], "subject"])[ONE_PHOTO].mean()
    share = pd.Series(taken, index=steps).groupby(level=0).mean()
    similarity = means.groupby(level=0).mean()
    return pd.DataFrame({"share": share, "similarity": similarity}).sort_index()


def crossing(curve: pd.DataFrame, wanted: float) -> Quality:
    """Where a curve of `by_steps` first reaches a similarity, on straight lines between its
    points; else its best point."""
    steps, similarity = curve.index.to_numpy(float), curve["similarity"].to_numpy()
    reached = np.flatnonzero(similarity >= wanted)
    if not len(reached) or reached[0] == 0:
        place = int(similarity.argmax()) if not len(reached) else 0
        word = "not reached, best at" if not len(reached) else "at most"
        at, name = steps[place], f"{word} {steps[place]:.0f} steps"
    else:
        place = reached[0]
        ends = similarity[place - 1 : place + 1]
        at = float(np.interp(wanted, ends, steps[place - 1 : place + 1]))
        name = f"{at:.0f} steps"
    share, found = (np.interp(at, steps, curve[c]) for c in ("share", "similarity"))
    return Quality(wanted, float(found), float(at), float(share), name)
