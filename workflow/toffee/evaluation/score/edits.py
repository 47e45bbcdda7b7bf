"""Score edits of held-out subjects: inside of the mask, outside of it, and against the text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import DEPTH, DEPTH_SETTING
from toffee.evaluation.score.scoring import (
    Segment,
    batches,
    found,
    joined,
    load_segmenter,
    long_form,
    mask_iou,
)
from toffee.evaluation.scores_file import write_scores
from toffee.models.depth import DepthEstimator
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

NAMES = ("dino_masked", "histogram_masked", "clip_i")
SIMILARITIES = ("dino_masked", "histogram_masked")

More = Callable[[Shard, Shard, np.ndarray, np.ndarray, Tensor, Metrics], dict[str, Tensor]]
"""Drawn, pairs, rows of each, masks of the drawn images, metrics → further values [B] by name."""


def score_edits(
    images: Path,
    pairs: Path,
    method: str,
    metric_dino: Path,
    metric_clip: Path,
    segmenter: Path,
    depth_estimator: Path,
    out: Path,
    batch: int,
    detector: Path | None = None,
) -> None:
    """Write the scores of one method's edits.

    images: from `generate_edits`; pairs: from `make_editing_pairs`. Settings are the kinds of
    edits, and `depth-controlled`. Metrics:

    - dino_inside, histogram_inside: what is inside of the mask, against the target's inside
      (edits);
    - dino_masked, histogram_masked: the subject, found by its class word, against the subject's
      photo;
    - clip_t with the prompt; mask_found: 1 where the subject was found;
    - outside_error: mean absolute difference to the input outside of the mask, of values in [0, 1];
      outside_drift: the same before the input was pasted back there (edits by a model);
    - mask_iou, depth_error (kind `depth`): overlap of the subject's mask with the first view's, and
      mean absolute difference of the normalised depths.
    """
    metrics = Metrics(metric_dino, metric_clip, batch=batch, names=NAMES)
    with Shard(images) as drawn, Shard(pairs) as asked:
        estimate = DepthEstimator(depth_estimator)
        scores = edit_scores(
            drawn, asked, method, metrics, load_segmenter(segmenter, detector), estimate
        )
    write_scores(scores, out)


def edit_scores(
    drawn: Shard,
    pairs: Shard,
    method: str,
    metrics: Metrics,
    segment: Segment,
    estimate: DepthEstimator,
) -> pd.DataFrame:
    """Scores by setting; further column seed."""
    where = {
        key: row
        for row, key in enumerate(zip(pairs.column("subject"), pairs.column("kind"), strict=True))
    }
    keys = list(zip(drawn.column("subject"), drawn.column("kind"), strict=True))
    unknown = [key for key in keys if key not in where]
    if unknown:
        raise ToffeeError(f"{drawn.path}: {unknown[0]} is none of the pairs of {pairs.path}")
    pair = np.array([where[key] for key in keys])
    layouts = drawn.column("kind") == DEPTH
    frames = [
        _scores(drawn, pairs, np.flatnonzero(chosen), pair, method, metrics, segment, more)
        for chosen, more in ((~layouts, _edit_values), (layouts, _layout_values(estimate)))
        if chosen.any()
    ]
    return pd.concat(frames, ignore_index=True)


def _scores(
    drawn: Shard,
    pairs: Shard,
    rows: np.ndarray,
    pair: np.ndarray,
    method: str,
    metrics: Metrics,
    segment: Segment,
    more: More,
) -> pd.DataFrame:
    """Scores of some rows: those of every kind of pair, and `more`."""
    words = drawn.column("class_word")
    parts = []
    for some in batches(rows, metrics.batch, f"edits of {method}"):
        images, names = drawn.images("image", some), [str(word) for word in words[some]]
        photos = pairs.images("subject", pair[some])
        masks = segment(images, names).cpu()
        features = metrics.features(images, masks)
        own = metrics.features(photos, segment(photos, names).cpu(), names=SIMILARITIES)
        values = {n: metrics.similarity(n, features[n], own[n]) for n in SIMILARITIES}
        texts = metrics.text_features(list(drawn.column("prompt")[some]))
        values["clip_t"] = (features["clip_i"] * texts).sum(-1)
        values["mask_found"] = found(masks)
        parts.append(values | more(drawn, pairs, some, pair[some], masks, metrics))
    values = joined(parts)
    kinds = drawn.column("kind")[rows]
    scores = long_form(
        values,
        method=method,
        setting=[DEPTH_SETTING if kind == DEPTH else str(kind) for kind in kinds],
        subject=drawn.column("subject")[rows],
        prompt=drawn.column("prompt")[rows],
    )
    return scores.assign(seed=np.tile(drawn.column("seed")[rows], len(values)))


def _edit_values(
    drawn: Shard, pairs: Shard, rows: np.ndarray, pair: np.ndarray, masks: Tensor, metrics: Metrics
) -> dict[str, Tensor]:
    images = drawn.images("image", rows)
    inside, before = pairs.masks("mask", pair), pairs.images("input", pair)
    a = metrics.features(images, inside, names=SIMILARITIES)
    b = metrics.features(pairs.images("target", pair), inside, names=SIMILARITIES)
    values = {
        name.replace("_masked", "_inside"): metrics.similarity(name, a[name], b[name])
        for name in SIMILARITIES
    }
    values["outside_error"] = outside_error(images, before, inside)
    if all(drawn.has("raw", row) for row in rows):
        values["outside_drift"] = outside_error(drawn.images("raw", rows), before, inside)
    return values


def _layout_values(estimate: DepthEstimator) -> More:
    def values(
        drawn: Shard,
        pairs: Shard,
        rows: np.ndarray,
        pair: np.ndarray,
        masks: Tensor,
        metrics: Metrics,
    ) -> dict[str, Tensor]:
        asked, got = (
            estimate(shard.images(name, some))
            for shard, name, some in ((pairs, "target", pair), (drawn, "image", rows))
        )
        return {
            "mask_iou": mask_iou(masks, pairs.masks("target_mask", pair)),
            "depth_error": (got - asked).abs().mean((1, 2)),
        }

    return values


def outside_error(images: Tensor, before: Tensor, masks: Tensor) -> Tensor:
    """Mean absolute difference [B] of images [B, 3, H, W] outside of masks [B, H, W]; 0 where
    nothing is outside."""
    outside = ~masks[:, None]
    difference = torch.where(outside, (images - before).abs(), 0.0).flatten(1).sum(1)
    return difference / (outside.flatten(1).sum(1) * images.shape[1]).clamp(min=1)
