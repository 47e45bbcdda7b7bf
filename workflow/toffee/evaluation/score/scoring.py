"""What the scoring rules share: the metrics, features of stored images, and scores in long form.

Masks of generated images always come from the segmenter, by class word. An image in which it finds
nothing scores 0 on the masked metrics and on `mask_found`, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from toffee.data.loaders.prompt_parts import PromptParts
from toffee.evaluation.metrics import ClipMetric, Metrics
from toffee.evaluation.statistics import COLUMNS
from toffee.models.folders import MetricModels
from toffee.models.segmenter import load_segmenter
from toffee.runtime.progress import progress
from toffee.storage.reader import Rows, Shard
from toffee.synthesis.plan import other_prompts
from toffee.synthesis.scores import change_read

Segment = Callable[[Tensor, list[str]], Tensor]
"""Images [B, 3, H, W] in [0, 1] and B class words → bool masks [B, H, W]."""


def load_metrics(models: MetricModels, names: Sequence[str], batch: int) -> tuple[Metrics, Segment]:
    """The metrics of these names, which encode `batch` images at once, and the segmenter."""
    metrics = Metrics(models.metric_dino, models.metric_clip, batch=batch, names=names)
    return metrics, load_segmenter(models.segmenter, models.detector).segment


def labels_of(segment: Segment) -> Container[str] | None:
    """The class words that the model behind a segmenter is limited to; None where it takes any."""
    return getattr(getattr(segment, "__self__", None), "labels", None)


def stored_features(
    shard: Shard,
    name: str,
    rows: Rows,
    metrics: Metrics,
    segment: Segment,
    desc: str,
    also: Callable[[Tensor, Tensor, np.ndarray], dict[str, Tensor]] | None = None,
) -> dict[str, Tensor]:
    """Features [rows, D] by metric of image `name` of some rows, segmented by the column
    class_word.

    With `mask_found` [rows]: 1 where the segmenter found the subject, else 0.

    also: images [B, 3, H, W], their masks [B, H, W] and rows [B] → further values [B, ...] by name.
    """
    words = shard.column("class_word")
    parts = []
    for some in batches(np.asarray(rows), metrics.batch, desc):
        images = shard.images(name, some)
        masks = segment(images, [str(word) for word in words[some]]).cpu()
        more = also(images, masks, some) if also else {}
        parts.append({**metrics.features(images, masks), "mask_found": found(masks), **more})
    return joined(parts)


def joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The batches' values by name, one after the other."""
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def found(masks: Tensor) -> Tensor:
    """1 where a mask of bool masks [B, H, W] is not empty, else 0: float [B]."""
    return masks.flatten(1).any(1).float()


def mask_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union [B] of bool masks [B, H, W]; 0 where both are empty (nothing was
    found)."""
    intersection = (a & b).flatten(1).sum(1)
    return intersection / (a | b).flatten(1).sum(1).clamp(min=1)


def batches(rows: np.ndarray, batch: int, desc: str) -> Iterable[np.ndarray]:
    """Rows in batches, with progress."""
    parts = [rows[i : i + batch] for i in range(0, len(rows), batch)]
    return progress(parts, total=len(parts), desc=desc, unit="batch")


EDIT_TEXTS = ("kind", "class_word", "prompt", "source_prompt")


def changes_read(
    metric: ClipMetric, after: Tensor, before: Tensor, texts: pd.DataFrame, parts: PromptParts
) -> Tensor:
    """With which probability [B] the metric CLIP reads what each edit was asked, and not yet in the
    picture before it (see `toffee.synthesis.scores.change_read`).

    after, before: features of the pictures [B, D]; texts: columns EDIT_TEXTS; parts: what the
    prompts were made of, which says what else could have been asked.
    """
    others = [other_prompts(row, parts) for row in texts.to_dict("records")]
    prompts = list(texts["prompt"])
    return change_read(after, before, prompts, others, metric.text_features, metric.scale)


def setting_column(shard: Shard) -> np.ndarray | str:
    """The column `setting`, or "" where the file has none."""
    return shard.column("setting") if "setting" in shard.column_names else ""


def long_form(values: Mapping[str, Tensor], **labels: str | Iterable[str]) -> pd.DataFrame:
    """Scores in long form from values [B] by metric; a label is one string or B of them."""
    frames = [
        pd.DataFrame({**labels, "metric": name, "value": value.tolist()})
        for name, value in values.items()
    ]
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]
