"""Score the View Generator: each generated view against real views of its and another subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import MASKED_METRICS
from toffee.evaluation.score.scoring import (
    Segment,
    batches,
    found,
    load_metrics,
    long_form,
    mask_iou,
)
from toffee.evaluation.scores_file import write_scores
from toffee.models.folders import MetricModels
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

COMPARISONS = {
    "own_target": ("generated", "target", "own"),
    "own_source": ("generated", "source", "own"),
    "other_target": ("generated", "target", "other"),
    "other_source": ("generated", "source", "other"),
    "copy_source": ("source", "target", "own"),
}
"""Method → the view that is scored, the real view it is compared with, and whose that is.

`copy_source` is the control: the scores of a model that gives back its input.
"""


def score_views(*, images: str | Path, models: MetricModels, out: str | Path, batch: int) -> None:
    """Write the scores of generated views.

    images: one row per held-out subject: columns subject, class_word, other_subject (the subject of
    another row, of the same class); images `source`, `target`, `generated`; masks `source_mask`,
    `target_mask` (true masks).
    """
    metrics, segment = load_metrics(models, (*MASKED_METRICS, "clip_i"), batch)
    with Shard(images) as shard:
        scores = views_scores(shard, metrics, segment)
    write_scores(scores, out)


def views_scores(shard: Shard, metrics: Metrics, segment: Segment) -> pd.DataFrame:
    """Similarities by COMPARISONS, and `mask_iou`, the overlap of the same two views' masks."""
    subject, words, other = (shard.column(n) for n in ("subject", "class_word", "other_subject"))
    row = {name: number for number, name in enumerate(subject)}
    for name, own in zip(other, subject, strict=True):
        if name not in row or name == own:
            raise ToffeeError(
                f"{shard.path}: other_subject {name!r} of {own!r}: expected another row's subject"
            )
    whose = {"own": list(range(len(shard))), "other": [row[name] for name in other]}

    images = {name: shard.images(name) for name in ("source", "target", "generated")}
    masks = {name: shard.masks(f"{name}_mask") for name in ("source", "target")}
    masks["generated"] = torch.cat(
        [
            segment(images["generated"][some], [str(word) for word in words[some]]).cpu()
            for some in batches(np.arange(len(shard)), metrics.batch, "generated views")
        ]
    )
    features = {name: metrics.features(images[name], masks[name]) for name in images}

    frames = []
    for method, (a, b, who) in COMPARISONS.items():
        rows = whose[who]
        values = {
            name: metrics.similarity(name, features[a][name], features[b][name][rows])
            for name in metrics.names
        }
        values["mask_iou"] = mask_iou(masks[a], masks[b][rows])
        values["mask_found"] = found(masks[a])
        frames.append(long_form(values, method=method, setting="", subject=subject, prompt=""))
    return pd.concat(frames, ignore_index=True)
