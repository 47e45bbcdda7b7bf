"""How much a method's pictures of one subject and prompt differ from noise to noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import ALL, ONE
from toffee.evaluation.scores_file import write_scores
from toffee.models.folders import MetricModels
from toffee.runtime.errors import ToffeeError
from toffee.runtime.progress import progress
from toffee.storage.reader import Shard

NAME = "diversity"


def score_diversity(
    *,
    method: str,
    images: Sequence[str | Path],
    models: MetricModels,
    out: str | Path,
    batch: int,
) -> None:
    """Write the diversity of a method's pictures, one row for each subject and prompt.

    It is the mean distance, 1 − cosine of the metric DINO, of all pairs of pictures with the same
    subject and prompt and other generation seeds. Similarity to a photo that is bought by copying
    that photo has little of it. It belongs to both reference policies, and to seed 0.

    images: files of benchmark images; a subject's seeds may be in one file or in several. Raises
    ToffeeError where no subject and prompt was drawn with two seeds.
    """
    metrics = Metrics(models.metric_dino, models.metric_clip, batch=batch, names=("dino",))
    keys, features = [], []
    for path in progress(images, desc=f"{NAME} {method}", unit="file"):
        with Shard(path) as shard:
            keys += list(zip(shard.column("subject"), shard.column("prompt"), strict=True))
            for at in range(0, len(shard), batch):
                rows = range(at, min(at + batch, len(shard)))
                features += list(metrics.features(shard.images("image", rows), None)["dino"])
    values = distances(keys, features)
    if values.empty:
        raise ToffeeError(f"{images[0]}: no subject and prompt with two generation seeds")
    scores = values.assign(method=method, setting="", metric=NAME, seed="0")
    write_scores(pd.concat([scores.assign(references=policy) for policy in (ALL, ONE)]), out)


def distances(keys: Sequence[tuple[str, str]], features: Sequence[Tensor]) -> pd.DataFrame:
    """Mean distance of the pictures of each key (subject, prompt) that has two or more: columns
    subject, prompt, value. features: of unit length [D]."""
    groups: dict[tuple[str, str], list[Tensor]] = {}
    for key, feature in zip(keys, features, strict=True):
        groups.setdefault(key, []).append(feature)
    rows = []
    for (subject, prompt), some in groups.items():
        count = len(some)
        if count > 1:
            # |Σ f|² = n + the sum of all cosines of two different ones
            cosines = float(torch.stack(some).sum(0).square().sum()) - count
            rows.append((subject, prompt, 1 - cosines / (count * (count - 1))))
    return pd.DataFrame(rows, columns=["subject", "prompt", "value"])
