"""Score the base model: what the metric CLIP reads in real and in drawn images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from toffee.data.world.vocabulary import (
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    LIGHTS,
    NAMED_TEXTURES,
    Attributes,
    caption,
)
from toffee.evaluation.metrics import ClipMetric
from toffee.evaluation.score.scoring import batches, long_form
from toffee.evaluation.scores_file import write_scores
from toffee.storage.reader import Shard

READ = {"class": CLASSES, "colour": tuple(COLOURS), "background": tuple(BACKGROUNDS)}
READ |= {"light": tuple(LIGHTS), "texture": NAMED_TEXTURES}
"""Attributes that are read, and their values. A texture is read where the prompt names one, a light
everywhere but at night."""


def score_base(*, images: str | Path, metric_clip: Path, out: str | Path, batch: int) -> None:
    """Write how well each attribute of an image is read: 1 right, 0 wrong.

    images: one row per image: columns subject (unique name of a picture's content, the same in all
    methods that draw it), method (real: held-out renders; text: drawn from text; depth: with the
    depth ControlNet), prompt, class_word, colour, background, light, texture (words of
    `data.world.vocabulary`; light empty at night); image `image`.
    """
    with Shard(images) as shard:
        scores = base_scores(shard, ClipMetric(metric_clip, batch=batch))
    write_scores(scores, out)


def base_scores(shard: Shard, metric: ClipMetric) -> pd.DataFrame:
    """Zero-shot classification: an attribute's value is the one whose text embedding (see
    `attribute_embeddings`) is nearest to the image's."""
    rows = batches(np.arange(len(shard)), metric.batch, "images read")
    clip = torch.cat([metric.image_features(shard.images("image", some)) for some in rows])
    embeddings = attribute_embeddings(metric)
    labels = {name: np.array(shard.column(name)) for name in ("method", "subject", "prompt")}
    frames = []
    for attribute, names in READ.items():
        truth = np.array(shard.column("class_word" if attribute == "class" else attribute))
        read = np.array(names)[(clip @ embeddings[attribute].T).argmax(1).numpy()]
        said = np.isin(truth, names)
        right = {f"{attribute}_accuracy": torch.from_numpy(read == truth)[said].float()}
        some = {name: column[said] for name, column in labels.items()}
        frames.append(long_form(right, setting="", **some))
    agreement = (clip * metric.text_features(list(labels["prompt"]))).sum(-1)
    frames.append(long_form({"clip_t": agreement}, setting="", **labels))
    return pd.concat(frames, ignore_index=True)


def attribute_embeddings(metric: ClipMetric) -> dict[str, Tensor]:
    """Attribute → text embeddings [values, D] of length 1.

    A value's embedding is the mean over all captions that name it, with every combination of the
    other attributes: an ensemble of prompts that says nothing else about the image. Those of the
    textures name classes alone, those of the lights classes and places, those of the others
    neither texture nor light.
    """
    plain = {name: values for name, values in READ.items() if name not in ("light", "texture")}
    places = tuple(place for place in BACKGROUNDS if place != "night")
    lights = {"class": CLASSES, "background": places, "light": READ["light"]}
    textures = {"class": CLASSES, "texture": NAMED_TEXTURES}
    found = {
        name: _embeddings(metric, some)[name]
        for name, some in (("light", lights), ("texture", textures))
    }
    return _embeddings(metric, plain) | found


def _embeddings(metric: ClipMetric, read: Mapping[str, Sequence[str]]) -> dict[str, Tensor]:
    """Those of attributes, `class` among them, with the values that are read."""
    fields = ["class_word" if attribute == "class" else attribute for attribute in read]
    captions = [
        caption(Attributes(**dict(zip(fields, values, strict=True))))
        for values in product(*read.values())
    ]
    grid = metric.text_features(captions).unflatten(0, [len(names) for names in read.values()])
    return {
        attribute: F.normalize(
            grid.mean([other for other in range(len(read)) if other != axis]), dim=-1
        )
        for axis, attribute in enumerate(read)
    }
