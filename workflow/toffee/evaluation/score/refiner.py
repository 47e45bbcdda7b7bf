"""Score the Refiner: each drawn image against its subject's photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import MASKED_METRICS
from toffee.evaluation.score.scoring import (
    Segment,
    load_metrics,
    long_form,
    setting_column,
    stored_features,
)
from toffee.evaluation.scores_file import write_scores
from toffee.models.folders import MetricModels
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard


def score_refiner(*, images: str | Path, models: MetricModels, out: str | Path, batch: int) -> None:
    """Write the scores of the Refiner's evaluation images.

    Args:
        images: one row per subject and method: columns subject, class_word, prompt, method
            (initial, control, cosine, …), optionally setting; images `image` (drawn) and `subject`
            (the photo; needed in one row of each subject).
        out: Parquet file of scores.
        batch: images encoded at once.
    """
    metrics, segment = load_metrics(models, (*MASKED_METRICS, "clip_i"), batch)
    with Shard(images) as shard:
        scores = refiner_scores(shard, metrics, segment)
    write_scores(scores, out)


def refiner_scores(shard: Shard, metrics: Metrics, segment: Segment) -> pd.DataFrame:
    """Similarity of each image to its subject's photo, both segmented; `clip_t` with its prompt."""
    subject, prompt = shard.column("subject"), shard.column("prompt")
    first = first_rows(shard, subject, "subject")
    photos = stored_features(shard, "subject", list(first.values()), metrics, segment, "photos")
    position = {name: number for number, name in enumerate(first)}
    own = [position[name] for name in subject]

    drawn = stored_features(shard, "image", np.arange(len(shard)), metrics, segment, "images")
    values = {
        name: metrics.similarity(name, drawn[name], photos[name][own]) for name in metrics.names
    }
    values["clip_t"] = (drawn["clip_i"] * metrics.text_features(list(prompt))).sum(-1)
    values["mask_found"] = drawn["mask_found"]
    labels = {"method": shard.column("method"), "setting": setting_column(shard)}
    return long_form(values, **labels, subject=subject, prompt=prompt)


def first_rows(shard: Shard, subject: np.ndarray, image: str) -> dict[str, int]:
    """The first row of each subject that carries its photo."""
    rows: dict[str, int] = {}
    for row, name in enumerate(subject):
        if name not in rows and shard.has(image, row):
            rows[name] = row
    missing = [name for name in subject if name not in rows]
    if missing:
        raise ToffeeError(f"{shard.path}: subject {missing[0]!r} has no image {image!r} in any row")
    return rows
