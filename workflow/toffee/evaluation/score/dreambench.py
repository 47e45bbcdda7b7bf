"""Score the benchmark: each generated image against real photos of its subject, and real photos
against each other (the oracle).

Two reference policies, in the column `references`: `all photos` (DreamBench's: the mean over all
photos of the subject) and `one photo` (the kept one alone, see `toffee.data.loaders.references`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from toffee.data.loaders.dreambench import Benchmark, read_photo
from toffee.evaluation.benchmark import BenchmarkFiles
from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import ALL, ONE
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
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress
from toffee.storage.reader import Shard
from toffee.synthesis.copy_rate import copy_rate

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

COPY_GRID = 8
"""Patches per side of the copy rate: patches of 8 pixels in pictures of 64."""

Photos = Mapping[str, Mapping[str, Tensor]]
"""Subject → metric → features [photos, D]."""


def score_oracle(
    *,
    files: BenchmarkFiles,
    models: MetricModels,
    out: str | Path,
    features: str | Path,
    batch: int,
) -> None:
    """Write the scores of the benchmark's real photos against each other, and their features.

    Photos are read at their own size: DreamBench's convention.

    features: safetensors to write, "<subject>/<metric>" → features [photos, D], which the scores of
    all methods share.
    """
    benchmark, kept = files.load()
    metrics, segment = load_metrics(models, NAMES, batch)
    photos = photo_features(benchmark, metrics, segment)
    scores = oracle_scores(photos, metrics, kept)
    with atomic_path(features) as temporary:
        tensors = {
            f"{subject}/{name}": feature.contiguous()
            for subject, found in photos.items()
            for name, feature in found.items()
        }
        save_file(tensors, temporary)
    write_scores(scores, out)


def score_dreambench(
    *,
    images: str | Path,
    method: str,
    photos: str | Path,
    files: BenchmarkFiles,
    models: MetricModels,
    out: str | Path,
    batch: int,
) -> None:
    """Write the scores of one file of benchmark images.

    Args:
        images: one row per image: columns subject, class_word, prompt (without the unique token),
            optionally setting and seed; image `image`.
        method: the method that drew them.
        photos: features of the real photos, from `score_oracle`.
    """
    benchmark, kept = files.load()
    metrics, segment = load_metrics(models, NAMES, batch)
    features = read_photo_features(photos)
    with Shard(images) as shard:
        side = shard.images("image", [0]).shape[-1]
        pictures = {
            one.subject: read_photo(one.photos[kept[one.subject]], side)
            for one in benchmark.subjects
        }
        scores = benchmark_scores(shard, method, features, metrics, segment, kept, pictures)
    write_scores(scores, out)


def read_photo_features(path: str | Path) -> Photos:
    """The features that `score_oracle` wrote."""
    photos: dict[str, dict[str, Tensor]] = {}
    for key, feature in load_file(path).items():
        subject, name = key.rsplit("/", 1)
        photos.setdefault(subject, {})[name] = feature
    return photos


def photo_features(benchmark: Benchmark, metrics: Metrics, segment: Segment) -> Photos:
    """Features of all photos of each subject."""
    features = {}
    for subject in progress(benchmark.subjects, desc="benchmark photos", unit="subject"):
        photos = [read_photo(path) for path in subject.photos]
        masks = [segment(photo[None], [subject.class_word])[0].cpu() for photo in photos]
        features[subject.subject] = metrics.features(photos, masks)
    return features


def benchmark_scores(
    shard: Shard,
    method: str,
    photos: Photos,
    metrics: Metrics,
    segment: Segment,
    kept: Mapping[str, int],
    pictures: Mapping[str, Tensor],
) -> pd.DataFrame:
    """Similarity of each generated image to photos of its subject, by reference policy.

    `clip_t` (with its prompt), `mask_found` and `copy_rate` (share of the subject's patches that
    repeat the kept photo in place) belong to both policies. pictures: each subject's kept photo [3,
    H, W] at the images' size. Further columns of the scores: references, seed.
    """
    subject, prompt = shard.column("subject"), shard.column("prompt")
    unknown = [name for name in subject if name not in photos]
    if unknown:
        raise ToffeeError(f"{shard.path}: subject {unknown[0]!r} is not in the benchmark")

    def copied(images: Tensor, masks: Tensor, rows: np.ndarray) -> dict[str, Tensor]:
        own = torch.stack([pictures[who] for who in subject[rows]])
        return {"copy_rate": copy_rate(images, own, masks, COPY_GRID)}

    rows = np.arange(len(shard))
    drawn = stored_features(shard, "image", rows, metrics, segment, method, copied)
    other = {
        "clip_t": (drawn["clip_i"] * metrics.text_features(list(prompt))).sum(-1),
        "mask_found": drawn["mask_found"],
        "copy_rate": drawn["copy_rate"],
    }
    seed = shard.column("seed") if "seed" in shard.column_names else "0"
    labels = {
        "method": method,
        "setting": setting_column(shard),
        "subject": subject,
        "prompt": prompt,
    }
    frames = []
    for policy in (ALL, ONE):
        values = {}
        for name in metrics.names:
            references = {
                who: features[name] if policy == ALL else features[name][[kept[who]]]
                for who, features in photos.items()
            }
            values[name] = torch.stack(
                [
                    metrics.similarity(name, feature, references[who]).mean()
                    for feature, who in zip(drawn[name], subject, strict=True)
                ]
            )
        values |= other
        scores = long_form(values, **labels).assign(references=policy)
        # long_form stacks the metrics, each with all rows
        scores["seed"] = seed if isinstance(seed, str) else np.tile(seed, len(values))
        frames.append(scores)
    return pd.concat(frames, ignore_index=True)


def oracle_scores(photos: Photos, metrics: Metrics, kept: Mapping[str, int]) -> pd.DataFrame:
    """Real photos against each other: each photo's mean similarity to the other photos of its
    subject; by policy `one photo`, the other photos' similarity to the kept one.

    DreamBooth (arXiv 2208.12242), Table 1, row "Real Images". Raises ToffeeError for a subject with
    a single photo.
    """
    frames = []
    for subject, features in photos.items():
        count = len(next(iter(features.values())))
        if count < 2:
            raise ToffeeError(f"benchmark subject {subject}: expected 2 photos or more, found one")
        others = ~torch.eye(count, dtype=torch.bool)
        one = kept[subject]
        policies: dict[str, dict[str, Tensor]] = {ALL: {}, ONE: {}}
        for name in metrics.names:
            each = metrics.similarity(name, features[name][:, None], features[name][None])
            policies[ALL][name] = each[others].reshape(count, count - 1).mean(1)
            policies[ONE][name] = each[others[:, one], one]
        for policy, values in policies.items():
            scores = long_form(values, method="oracle", setting="", subject=subject, prompt="")
            frames.append(scores.assign(references=policy, seed="0"))
    return pd.concat(frames, ignore_index=True)
