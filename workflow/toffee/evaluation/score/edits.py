"""Score edits of held-out subjects: inside of the mask, outside of it, and against the text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from toffee.data.loaders.prompt_parts import PromptParts, read_prompt_parts
from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import DEPTH, DEPTH_SETTING
from toffee.evaluation.score.scoring import (
    EDIT_TEXTS,
    Segment,
    batches,
    changes_read,
    found,
    joined,
    load_metrics,
    long_form,
    mask_iou,
)
from toffee.evaluation.scores_file import write_scores
from toffee.models.depth import DepthEstimator
from toffee.models.folders import MetricModels
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

SIMILARITIES = ("dino_masked", "histogram_masked")


def score_edits(
    *,
    images: str | Path,
    pairs: str | Path,
    method: str,
    prompts: str | Path,
    models: MetricModels,
    depth_estimator: str | Path,
    out: str | Path,
    batch: int,
) -> None:
    """Write the scores of one method's edits.

    Settings are the kinds of edits, and `depth-controlled`. Metrics:

    - dino_inside, histogram_inside: the picture inside of the mask, against the target there
      (edits);
    - dino_masked, histogram_masked: the subject, found by its class word, against the subject's
      photo;
    - clip_t with the prompt; mask_found: 1 where the subject was found;
    - change_read: with which probability the metric CLIP reads what was asked, and did not in the
      input (edits);
    - outside_error: mean absolute difference to the input outside of the mask, of values in [0, 1];
      outside_drift: the same before the input was pasted back there (edits by a model);
    - mask_iou, depth_error (kind `depth`): overlap of the subject's mask with the first view's, and
      mean absolute difference of the normalised depths.

    Args:
        images: from `generate_edits` or `copy_controls`.
        pairs: from `make_editing_pairs`, prompts: what their texts were made of.
    """
    metrics, segment = load_metrics(models, (*SIMILARITIES, "clip_i"), batch)
    scorer = EditScorer(
        metrics, segment, DepthEstimator(depth_estimator), read_prompt_parts(prompts)
    )
    with Shard(images) as drawn, Shard(pairs) as originals:
        scores = scorer.scores(drawn, originals, method)
    write_scores(scores, out)


OUTSIDE = ("outside_error", "outside_drift")
"""Of the mask: how far the drawn picture is from the input there, and how far before pasting."""


class Seen(NamedTuple):
    """What was seen in drawn pictures: the masks [B, H, W] of the subjects, and the metric CLIP's
    features [B, D]."""

    masks: Tensor
    clip: Tensor


@dataclass(frozen=True)
class EditScorer:
    """What edits are scored with; `parts` is what their texts were made of."""

    metrics: Metrics
    segment: Segment
    estimate: DepthEstimator
    parts: PromptParts

    def scores(self, drawn: Shard, pairs: Shard, method: str) -> pd.DataFrame:
        """Scores of a method's drawn pictures, by setting; further column seed.

        Raises:
            ToffeeError: a picture belongs to none of the pairs.
        """
        subjects, kinds = drawn.column("subject"), drawn.column("kind")
        row_of = {
            key: row
            for row, key in enumerate(
                zip(pairs.column("subject"), pairs.column("kind"), strict=True)
            )
        }
        keys = list(zip(subjects, kinds, strict=True))
        unknown = [key for key in keys if key not in row_of]
        if unknown:
            raise ToffeeError(f"{drawn.path}: {unknown[0]} is none of the pairs of {pairs.path}")
        pair = np.array([row_of[key] for key in keys])
        frames = []
        for rows, more in (
            (np.flatnonzero(kinds != DEPTH), self._edit_values),
            (np.flatnonzero(kinds == DEPTH), self._layout_values),
        ):
            if not len(rows):
                continue
            parts = []
            for some in batches(rows, self.metrics.batch, f"edits of {method}"):
                values, seen = self._subject_values(drawn, pairs, some, pair[some])
                parts.append(values | more(drawn, pairs, some, pair[some], seen))
            values = joined(parts)
            scores = long_form(
                values,
                method=method,
                setting=[DEPTH_SETTING if kind == DEPTH else str(kind) for kind in kinds[rows]],
                subject=subjects[rows],
                prompt=drawn.column("prompt")[rows],
            )
            scores = scores.assign(seed=np.tile(drawn.column("seed")[rows], len(values)))
            # An edit of all of a picture, as one of its style, has no outside.
            absent = scores["value"].isna() & scores["metric"].isin(OUTSIDE)
            frames.append(scores[~absent])
        return pd.concat(frames, ignore_index=True)

    def _subject_values(
        self, drawn: Shard, pairs: Shard, rows: np.ndarray, pair: np.ndarray
    ) -> tuple[dict[str, Tensor], Seen]:
        """Values [B] of every kind of pair, and what was seen in the drawn pictures."""
        metrics, names = self.metrics, [str(word) for word in drawn.column("class_word")[rows]]
        images, photos = drawn.images("image", rows), pairs.images("subject", pair)
        masks = self.segment(images, names).cpu()
        features = metrics.features(images, masks)
        own = metrics.features(photos, self.segment(photos, names).cpu(), names=SIMILARITIES)
        values = {n: metrics.similarity(n, features[n], own[n]) for n in SIMILARITIES}
        texts = metrics.text_features(list(drawn.column("prompt")[rows]))
        values["clip_t"] = (features["clip_i"] * texts).sum(-1)
        values["mask_found"] = found(masks)
        return values, Seen(masks, features["clip_i"])

    def _edit_values(
        self, drawn: Shard, pairs: Shard, rows: np.ndarray, pair: np.ndarray, seen: Seen
    ) -> dict[str, Tensor]:
        metrics, images = self.metrics, drawn.images("image", rows)
        inside, before = pairs.masks("mask", pair), pairs.images("input", pair)
        a = metrics.features(images, inside, names=SIMILARITIES)
        b = metrics.features(pairs.images("target", pair), inside, names=SIMILARITIES)
        values = {
            name.replace("_masked", "_inside"): metrics.similarity(name, a[name], b[name])
            for name in SIMILARITIES
        }
        texts = pd.DataFrame({name: pairs.column(name)[pair] for name in EDIT_TEXTS})
        unedited = metrics.clip.image_features(before)
        values["change_read"] = changes_read(metrics.clip, seen.clip, unedited, texts, self.parts)
        error, drift = OUTSIDE
        values[error] = outside_error(images, before, inside)
        if all(drawn.has("raw", row) for row in rows):
            values[drift] = outside_error(drawn.images("raw", rows), before, inside)
        return values

    def _layout_values(
        self, drawn: Shard, pairs: Shard, rows: np.ndarray, pair: np.ndarray, seen: Seen
    ) -> dict[str, Tensor]:
        wanted = self.estimate(pairs.images("target", pair))
        difference = self.estimate(drawn.images("image", rows)) - wanted
        return {
            "mask_iou": mask_iou(seen.masks, pairs.masks("target_mask", pair)),
            "depth_error": difference.abs().mean((1, 2)),
        }


def outside_error(images: Tensor, before: Tensor, masks: Tensor) -> Tensor:
    """Mean absolute difference [B] of images [B, 3, H, W] outside of masks [B, H, W]; NaN where
    nothing is outside."""
    outside = ~masks[:, None]
    difference = torch.where(outside, (images - before).abs(), 0.0).flatten(1).sum(1)
    return difference / (outside.flatten(1).sum(1) * images.shape[1])
