"""The gate before any comparison on the benchmark: real photos against each other have to score
what was published for them.

The published row "Real Images" (DreamBooth, arXiv 2208.12242, Table 1: DINO 0.774, CLIP-I 0.885)
needs no model that draws. It depends on the photos, the metric encoders and their preprocessing
alone: who measures it differently measures every method differently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from toffee.errors import ToffeeError
from toffee.evaluation.names import ALL
from toffee.evaluation.scoring import read_scores
from toffee.files import write_text
from toffee.provenance.digests import read_json

PASSED = "oracle.json says how the real photos scored; they do not stand against a comparison.\n"
"""What the mark holds: always the same, so that nobody who waits for it sees another file."""

AS_PUBLISHED, NOT_COMPARED = "as published", "not compared"


def check_oracle(
    scores: Path, out: Path, passed: Path, dino: float | None, clip_i: float | None, tolerance: float
) -> None:
    """Compare the benchmark's oracle with the published one.

    Args:
        scores: what `score_oracle` wrote.
        out: the verdict, see `oracle_means`, with expected values and tolerance.
        passed: a mark that the gate is open.
        dino, clip_i: the published cosines; None where this run's encoders or photos are others.
        tolerance: how far the measured value may be off, either way (cosine).

    Raises:
        ToffeeError: a metric is off by more. Nothing is written then.
    """
    frame = read_scores(scores)
    verdict: dict[str, Any] = {"tolerance": tolerance, "verdict": NOT_COMPARED, "metrics": {}}
    off = []
    for metric, expected in (("dino", dino), ("clip_i", clip_i)):
        means = oracle_means(frame, metric)
        verdict["metrics"][metric] = means | {"expected": expected}
        if expected is None:
            continue
        verdict["verdict"] = AS_PUBLISHED
        if not abs(means["measured"] - expected) <= tolerance:  # NaN is off too
            off.append(f"{metric} {means['measured']:.4f} where {expected:.4f} was published")
    if off:
        raise ToffeeError(
            f"real photos against each other score {' and '.join(off)}, more than {tolerance:g} "
            "off (evaluation.oracle), so no method is compared with published numbers; see to the "
            "metric encoders, their preprocessor_config.json and the benchmark's photos"
        )
    write_text(out, json.dumps(verdict, indent=1) + "\n")
    write_text(passed, PASSED)


def gate_told(verdict: Path) -> list[str]:
    """What table dreambench says of the gate: a paragraph, or nothing where it compared nothing."""
    found = read_json(verdict)
    compared = [
        f"`{metric}` {means['measured']:.3f} (published {means['expected']:.3f})"
        for metric, means in found["metrics"].items()
        if means["expected"] is not None
    ]
    if not compared:
        return []
    return [
        f"The gate: real photos against each other score {', '.join(compared)}, and may be "
        f"{found['tolerance']:g} off."
    ]


def oracle_means(scores: pd.DataFrame, metric: str) -> dict[str, float | int]:
    """The oracle of one metric from the scores of single photos.

    A photo's score is its mean similarity to the other photos of its subject (see
    `toffee.evaluation.score_dreambench.oracle_scores`), so a subject's mean over its n photos is
    the mean over its n(n − 1)/2 pairs of distinct photos.

    Returns:
        measured: the mean over subjects of these, as DreamBooth (arXiv 2208.12242, section 4.2)
            averages "pairwise cosine similarity", and as table dreambench has it. Each subject
            counts the same.
        over_pairs: the mean over all pairs of all subjects, in which a subject of more photos
            counts for more: what an average that forgets the subjects would be. For information.
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
