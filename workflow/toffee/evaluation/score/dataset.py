"""Score accepted and rejected pairs of the dataset with metrics that the filter never saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.data.loaders.images import read_image
from toffee.data.loaders.prompt_parts import PromptParts, read_prompt_parts
from toffee.data.loaders.subjects import load_subjects
from toffee.evaluation.metrics import Metrics
from toffee.evaluation.names import MASKED_METRICS, UNLIKE
from toffee.evaluation.score.scoring import (
    EDIT_TEXTS,
    Segment,
    batches,
    changes_read,
    load_metrics,
    long_form,
    stored_features,
)
from toffee.evaluation.scores_file import write_scores
from toffee.models.folders import MetricModels
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import seed_of
from toffee.storage.reader import Shard
from toffee.synthesis.filter import ALL_KINDS


def score_dataset(
    *,
    index: str | Path,
    shards: Sequence[str | Path],
    subjects: str | Path,
    prompts: str | Path,
    models: MetricModels,
    out: str | Path,
    pairs: int,
    batch: int,
    seed: int,
    texts: str | Path | None = None,
) -> None:
    """Write the scores of up to `pairs` accepted and as many rejected pairs, kind by kind.

    Of every kind as many accepted as rejected pairs are drawn, so that the two groups do not differ
    in their kinds. Methods: accepted, rejected; setting: all. Further columns: kind, sample_id.
    Beside similarities of the target to the subject's photo, and clip_t:

    - view_dino_masked: its similarity to the pair's view; view_unlike: 1 where that is below
      `toffee.evaluation.names.UNLIKE`, else 0;
    - of the editing pairs change_read: with which probability the metric CLIP reads what was asked,
      and did not in the input (see `toffee.synthesis.scores.change_read`); change_found: 1 where
      that is above 0.5, else 0.

    Args:
        index: Parquet file of the filter (shard, row, kind, accepted).
        shards: files with columns subject, class_word, kind, prompt, source_prompt; image `target`.
        subjects: image folder of the subjects' photos.
        prompts, texts: what the pairs' texts were made of, see `read_prompt_parts`.
    """
    chosen = choose(pd.read_parquet(index), pairs, seed)
    parts = read_prompt_parts(prompts, texts)
    metrics, segment = load_metrics(models, (*MASKED_METRICS, "clip_i"), batch)
    photos = {subject.subject: subject.image for subject in load_subjects(subjects).subjects}
    frames = []
    for path in sorted(map(Path, shards), key=lambda path: path.name):
        rows = chosen[chosen["shard"] == path.stem]
        if len(rows):
            with Shard(path) as shard:
                frames.append(pair_scores(shard, rows, photos, parts, metrics, segment))
    write_scores(pd.concat(frames, ignore_index=True), out)


def choose(index: pd.DataFrame, pairs: int, seed: int) -> pd.DataFrame:
    """Rows of the index: of each kind an equal number of accepted and rejected ones, about `pairs`
    of each in all.

    The draw depends on the seed and the samples' ids only. Raises ToffeeError where no kind has
    both.
    """
    order = [seed_of(seed, "score_dataset", subject=name) for name in index["sample_id"]]
    index = index.assign(order=order).sort_values("order")
    counts = index.groupby("kind")["accepted"].agg(["sum", "size"])
    both = counts["sum"].combine(counts["size"] - counts["sum"], min).to_dict()
    if not any(both.values()):
        raise ToffeeError("index: expected accepted and rejected pairs of at least one kind")
    share = min(1.0, pairs / sum(both.values()))
    parts = [
        group.head(max(1, round(share * both[kind])))
        for (kind, _), group in index.groupby(["kind", "accepted"])
        if both[kind]
    ]
    return pd.concat(parts).sort_values(["shard", "row"])


def pair_scores(
    shard: Shard,
    rows: pd.DataFrame,
    photos: dict[str, Path],
    parts: PromptParts,
    metrics: Metrics,
    segment: Segment,
) -> pd.DataFrame:
    """Similarity of some rows' targets to their subjects' photos, both segmented; `clip_t` with the
    prompt, and `change_read` of the editing pairs."""
    at = rows["row"].to_numpy()
    texts = pd.DataFrame({name: shard.column(name)[at] for name in ("subject", *EDIT_TEXTS)})
    subject, words, prompt = (texts[name] for name in ("subject", "class_word", "prompt"))
    unknown = [name for name in subject if name not in photos]
    if unknown:
        raise ToffeeError(f"{shard.path}: subject {unknown[0]!r} has no photo")
    targets = stored_features(shard, "target", at, metrics, segment, f"pairs of {shard.path.stem}")
    names = list(dict.fromkeys(subject))
    word = dict(zip(subject, words, strict=True))
    pictures = [read_image(photos[name]) for name in names]
    masks = [segment(x[None], [word[n]])[0].cpu() for x, n in zip(pictures, names, strict=True)]
    own = torch.tensor([names.index(name) for name in subject])
    references = metrics.features(pictures, masks)
    values = {
        name: metrics.similarity(name, targets[name], references[name][own])
        for name in metrics.names
    }
    values["clip_t"] = (targets["clip_i"] * metrics.text_features(list(prompt))).sum(-1)
    views = stored_features(shard, "subject", at, metrics, segment, f"views of {shard.path.stem}")
    alike = metrics.similarity("dino_masked", targets["dino_masked"], views["dino_masked"])
    values |= {"view_dino_masked": alike, "view_unlike": (alike < UNLIKE).float()}
    editing = np.flatnonzero(texts["kind"] != "generation")
    before = torch.zeros_like(targets["clip_i"])
    for some in batches(editing, metrics.batch, f"edits of {shard.path.stem}"):
        before[some] = metrics.clip.image_features(shard.images("input", at[some]))
    read = changes_read(metrics.clip, targets["clip_i"], before, texts, parts)
    values |= {"change_read": read, "change_found": (read > 0.5).float()}
    method = rows["accepted"].map({True: "accepted", False: "rejected"}).to_numpy()
    scores = long_form(values, method=method, setting=ALL_KINDS, subject=subject, prompt=prompt)
    # long_form stacks the metrics, each with all rows
    also = {name: np.tile(rows[name].to_numpy(), len(values)) for name in ("kind", "sample_id")}
    scores = scores.assign(**also)
    of_edits = scores["metric"].isin(["change_read", "change_found"])
    return scores[~(of_edits & (scores["kind"] == "generation"))]
