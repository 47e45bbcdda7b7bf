"""Score the benchmark: each generated image against all photos of its subject, and the real-photo
oracle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from toffee.data.dreambench import Benchmark, load_benchmark
from toffee.data.images import read_image
from toffee.errors import ToffeeError
from toffee.evaluation.metrics import Metrics
from toffee.evaluation.scoring import (
    Segment,
    load_segmenter,
    long_form,
    settings,
    stored_features,
    write_scores,
)
from toffee.progress import progress
from toffee.storage import Shard

NAMES = (
    "dino",
    "clip_i",
    "histogram",
    "efficientnet",
    "dino_masked",
    "histogram_masked",
    "efficientnet_masked",
)
"""The similarities of the benchmark, whole images first: DreamBench's convention."""

Photos = Mapping[str, Mapping[str, Tensor]]
"""Subject → metric → features [photos, D]."""


def score_dreambench(
    images: Mapping[str, Path],
    benchmark: Path,
    metric_dino: Path,
    metric_clip: Path,
    segmenter: Path,
    out: Path,
    batch: int,
) -> None:
    """Write the scores of benchmark images of all methods, and of the oracle.

    images: method → file with one row an image: columns subject, class_word, prompt (without the
    unique token), optionally setting; image `image`. benchmark: root of a benchmark in DreamBench's
    layout. The photos are read at their own size, as the metric's convention has it.
    """
    metrics, segment = (
        Metrics(metric_dino, metric_clip, batch=batch, names=NAMES),
        load_segmenter(segmenter),
    )
    photos = photo_features(load_benchmark(benchmark), metrics, segment)
    frames = [oracle_scores(photos, metrics)]
    for method, path in images.items():
        with Shard(path) as shard:
            frames.append(benchmark_scores(shard, method, photos, metrics, segment))
    write_scores(pd.concat(frames, ignore_index=True), out)


def photo_features(benchmark: Benchmark, metrics: Metrics, segment: Segment) -> Photos:
    """Features of all photos of each subject."""
    features = {}
    for subject in progress(benchmark.subjects, desc="benchmark photos", unit="subject"):
        photos = [read_image(path) for path in subject.photos]
        masks = [segment(photo[None], [subject.class_word])[0].cpu() for photo in photos]
        features[subject.subject] = metrics.features(photos, masks)
    return features


def benchmark_scores(
    shard: Shard, method: str, photos: Photos, metrics: Metrics, segment: Segment
) -> pd.DataFrame:
    """Mean similarity of each generated image to all photos of its subject; `clip_t` with its
    prompt."""
    subject, prompt = shard.column("subject"), shard.column("prompt")
    unknown = [name for name in subject if name not in photos]
    if unknown:
        raise ToffeeError(f"{shard.path}: subject {unknown[0]!r} is not in the benchmark")
    drawn = stored_features(shard, "image", np.arange(len(shard)), metrics, segment, method)
    values = {
        name: torch.stack(
            [
                metrics.similarity(name, feature, photos[who][name]).mean()
                for feature, who in zip(drawn[name], subject, strict=True)
            ]
        )
        for name in metrics.names
    }
    values["clip_t"] = (drawn["clip_i"] * metrics.text_features(list(prompt))).sum(-1)
    values["mask_found"] = drawn["mask_found"]
    return long_form(values, method=method, setting=settings(shard), subject=subject, prompt=prompt)


def oracle_scores(photos: Photos, metrics: Metrics) -> pd.DataFrame:
    """Real photos against each other: each photo's mean similarity to the other photos of its
    subject.

    DreamBooth (arXiv 2208.12242), Table 1, row "Real Images". Raises ToffeeError for a subject with
    a single photo.
    """
    frames = []
    for subject, features in photos.items():
        count = len(features["dino"])
        if count < 2:
            raise ToffeeError(f"benchmark subject {subject}: expected 2 photos or more, found one")
        others = ~torch.eye(count, dtype=torch.bool)
        values = {
            name: metrics.similarity(name, features[name][:, None], features[name][None])[others]
            .reshape(count, count - 1)
            .mean(1)
            for name in metrics.names
        }
        frames.append(long_form(values, method="oracle", setting="", subject=subject, prompt=""))
    return pd.concat(frames, ignore_index=True)
