"""Is a benchmark subject among the training subjects? Finds the nearest one of each."""

import math
from pathlib import Path

import pandas as pd
import torch

from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.images import image_size, read_image, read_mask
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.subjects import load_subjects
from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import LEAKAGE_COLUMNS as COLUMNS
from toffee.evaluation.names import LEAKAGE_METRICS as METRICS
from toffee.evaluation.score.scoring import Segment, joined, labels_of, load_metrics
from toffee.evaluation.sequences import spread
from toffee.models.diffusion import batches
from toffee.models.folders import MetricModels
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress

RANKED = METRICS[0]

Photo = tuple[Path, Path | None, str]
"""A photo, its mask (None: the segmenter finds it) and its class word."""


def score_leakage(
    *,
    benchmark: str | Path,
    subjects: str | Path,
    multiview: str | Path,
    multiview_heldout: str | Path,
    models: MetricModels,
    out: str | Path,
    resolution: int,
    batch: int,
) -> None:
    """Write the nearest training subject of every benchmark subject.

    A training subject is compared by one picture: its photo in the image folder, or the first frame
    of its sequence. A photo without a mask, of a class that the segmenter has no label for, is left
    out: it can be in no pair. Columns of the CSV:

    - subject; nearest: the training subject whose picture has the highest mean similarity to its
      photos, by the first metric of `METRICS`;
    - nearest_<metric>: that similarity; own_<metric>: mean similarity of the benchmark subject's
      photos to each other, which is what the same subject would reach;
    - the control, by the first metric: similarity to the nearest of `among` training subjects
      (trained) and of as many other subjects that no training sees (untrained).

    Args:
        subjects, multiview: what Refiner, View Generator and ToffeeNet are trained on.
        multiview_heldout: sequences of the subjects that none of them sees.
        resolution: side at which the pictures are read.
    """
    metrics, segment = load_metrics(models, METRICS, batch)
    words, sequences = labels_of(segment), load_multiview(multiview)
    folder = [
        one
        for one in load_subjects(subjects).subjects
        if one.mask or words is None or one.class_word in words
    ]
    heldout = load_multiview(multiview_heldout)
    trained: list[Photo] = [(s.image, s.mask, s.class_word) for s in folder]
    trained += [(s.frames[0], s.masks[0], s.class_word) for s in sequences]
    names = [s.subject for s in folder] + [s.subject for s in sequences]
    untrained: list[Photo] = [(s.frames[0], s.masks[0], s.class_word) for s in heldout]

    def features(photos: list[Photo], desc: str) -> dict[str, torch.Tensor]:
        return photo_features(photos, metrics, segment, resolution, desc)

    known, unknown = features(trained, "training subjects"), features(untrained, "held-out")
    among = min(len(trained), len(heldout))
    part = spread(len(trained), among)
    rows = []
    for subject in load_benchmark(benchmark).subjects:
        photos: list[Photo] = [
            (photo, subject.masks[place] if subject.masks else None, subject.class_word)
            for place, photo in enumerate(subject.photos)
        ]
        own = features(photos, subject.subject)
        near, apart = (
            {n: metrics.similarity(n, own[n][:, None], other[n][None]).mean(0) for n in METRICS}
            for other in (known, unknown)
        )
        best = int(near[RANKED].argmax())
        control = (among, float(near[RANKED][part].max()), float(apart[RANKED][:among].max()))
        rows.append(
            (
                subject.subject,
                names[best],
                *(float(near[name][best]) for name in METRICS),
                *(among_themselves(metrics, name, own[name]) for name in METRICS),
                *control,
            )
        )
    with atomic_path(out) as temporary:
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        table.to_csv(temporary, index=False, float_format="%.6g")


def photo_features(
    photos: list[Photo], metrics: Metrics, segment: Segment, resolution: int, desc: str
) -> dict[str, torch.Tensor]:
    """Features [B,D] by metric of photos on disk."""
    parts = []
    for span in progress(batches(len(photos), metrics.batch), desc=desc, unit="batch"):
        images, masks = [], []
        for path, mask, word in photos[span]:
            images.append(read_image(path, resolution))
            masks.append(
                segment(images[-1][None], [word])[0].cpu()
                if mask is None
                else read_mask(mask, resolution, size=image_size(path))
            )
        parts.append(metrics.features(torch.stack(images), torch.stack(masks)))
    return joined(parts)


def among_themselves(metrics: Metrics, name: str, features: torch.Tensor) -> float:
    """Mean similarity of features [B,D] to each other; NaN of a single one."""
    each = metrics.similarity(name, features[:, None], features[None])
    others = each[~torch.eye(len(features), dtype=torch.bool)]
    return float(others.mean()) if len(others) else math.nan
