"""The gate before any comparison on the benchmark: real photos against each other (the oracle) must
score what was published for them.

The published row "Real Images" (DreamBooth, arXiv 2208.12242, Table 1: DINO 0.774, CLIP-I 0.885)
needs no model that draws. It depends on the photos, the metric encoders and their preprocessing
alone. If it is measured differently, so is every method.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from toffee.evaluation.names import ALL
from toffee.evaluation.scores_file import read_scores
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text

AS_PUBLISHED, NOT_COMPARED = "as published", "not compared"


def check_oracle(
    *,
    scores: str | Path,
    out: str | Path,
    dino: float | None,
    clip_i: float | None,
    tolerance: float,
) -> None:
    """Write the verdict on the benchmark's oracle (JSON).

    scores: from `score_oracle`. The rest as in `compare_with_published`; if that raises, nothing is
    written.
    """
    verdict = compare_with_published(read_scores(scores), dino, clip_i, tolerance)
    write_text(out, json.dumps(verdict, indent=1) + "\n")


def compare_with_published(
    scores: pd.DataFrame, dino: float | None, clip_i: float | None, tolerance: float
) -> dict[str, Any]:
    """Compare the oracle with the published one.

    Args:
        scores: of the benchmark's real photos, by photo.
        dino, clip_i: the published cosines; None where this run's encoders or photos are others.
        tolerance: how far a measured value may be off, either way (cosine).

    Returns:
        verdict ("as published" or "not compared"), tolerance, and by metric what `oracle_means`
        gives, with the expected value.

    Raises:
        ToffeeError: a metric is off by more.
    """
    metrics, off = {}, []
    for metric, expected in (("dino", dino), ("clip_i", clip_i)):
        if expected is None and metric not in set(scores["metric"]):
            continue
        means = oracle_means(scores, metric)
        metrics[metric] = {**means, "expected": expected}
        measured = means["measured"]
        if expected is not None and not abs(measured - expected) <= tolerance:  # NaN is off too
            off.append(f"{metric} {measured:.4f} where {expected:.4f} was published")
    if off:
        raise ToffeeError(
            f"real photos against each other score {' and '.join(off)}, more than {tolerance:g} "
            "off (evaluation.oracle), so no method is compared with published numbers; check the "
            "metric encoders, their preprocessor_config.json and the benchmark's photos"
        )
    verdict = NOT_COMPARED if dino is None and clip_i is None else AS_PUBLISHED
    return {"verdict": verdict, "tolerance": tolerance, "metrics": metrics}


def describe_gate(verdict: dict[str, Any]) -> list[str]:
    """A paragraph on the gate for table dreambench; none where nothing was compared."""
    compared = [
        f"`{metric}` {means['measured']:.3f} (published {means['expected']:.3f})"
        for metric, means in verdict["metrics"].items()
        if means["expected"] is not None
    ]
    text = (
        f"The gate: real photos against each other score {', '.join(compared)}, and may be "
        f"{verdict['tolerance']:g} off."
    )
    return [text] if compared else []


def oracle_means(scores: pd.DataFrame, metric: str) -> dict[str, float | int]:
    """The oracle of one metric from the scores of single photos.

    A photo's score is its mean similarity to the other photos of its subject (see
    `toffee.evaluation.score.dreambench.oracle_scores`), so a subject's mean over its n photos is
    the mean over its n(n − 1)/2 pairs of distinct photos.

    Returns:
        measured: the mean of these over subjects, as DreamBooth (arXiv 2208.12242, section 4.2)
            averages "pairwise cosine similarity", and as table dreambench has it. Each subject
            has the same weight.
        over_pairs: the mean over all pairs of all subjects, in which subjects with more photos
            weigh more. For information.
        subjects, photos: how many there are.

    Raises:
        ToffeeError: there are no such scores.
    """
    rows = scores[(scores["metric"] == metric) & (scores["references"] == ALL)]
    if rows.empty:
        raise ToffeeError(f"oracle: no scores of metric {metric} against {ALL}")
    groups = rows.groupby("subject", sort=False)["value"]
    mean, photos = groups.mean(), groups.size()
    pairs = photos * (photos - 1)
    return {
        "measured": float(mean.mean()),
        "over_pairs": float((mean * pairs).sum() / pairs.sum()),
        "subjects": len(mean),
        "photos": int(photos.sum()),
    }
