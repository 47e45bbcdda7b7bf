"""Count the images of DreamBooth that the dataset's filter would accept as pairs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.data.loaders.dreambench import read_photo
from toffee.evaluation.benchmark import BenchmarkFiles
from toffee.evaluation.score.scoring import batches
from toffee.models.clip import Clip
from toffee.models.folders import FilterModels
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.runtime.files import atomic_path
from toffee.storage.reader import Shard
from toffee.synthesis.filter import judge, thresholds_of
from toffee.synthesis.scores import candidate_scores


def filter_dreambooth(
    *,
    images: Sequence[str | Path],
    files: BenchmarkFiles,
    models: FilterModels,
    out: str | Path,
    thresholds: Mapping[str, float | str],
    batch: int,
    calibration: str | Path | None = None,
) -> None:
    """Count candidates and accepted pairs of each subject.

    A candidate is an image of a context prompt, which is what the dataset's generation pairs are
    drawn from; its input is the subject's kept photo. It is scored and filtered as the dataset's
    generation pairs are.

    Args:
        images: files of `toffee.evaluation.draw.dreambooth`.
        out: CSV to write: subject, candidates, accepted.
        thresholds, calibration: config section `filter`, as `thresholds_of` takes it.
        batch: images scored at once.
    """
    benchmark, kept = files.load()
    photos = {s.subject: s.photos[kept[s.subject]] for s in benchmark.subjects}
    encoder, clip = SubjectEncoder(models.subject_encoder), Clip(models.clip)
    segmenter = load_segmenter(models.segmenter, models.detector)
    frames = []
    for path in images:
        with Shard(path) as shard:
            subjects, words, prompts = (
                shard.column(name) for name in ("subject", "class_word", "prompt")
            )
            rows = np.flatnonzero(shard.column("prompt_kind") == "context")
            for some in batches(rows, batch, f"filter {Path(path).stem}"):
                targets = shard.images("image", some)
                side, names = targets.shape[-1], list(words[some])
                own = torch.stack([read_photo(photos[who], side) for who in subjects[some]])
                shown = own, segmenter.segment(own, names)
                scores = candidate_scores(
                    encoder,
                    clip,
                    targets,
                    segmenter.segment(targets, names),
                    list(prompts[some]),
                    own=shown,
                    posed=shown,
                    before=own,
                )
                frames.append(pd.DataFrame({"subject": subjects[some], **scores}))
    candidates = pd.concat(frames, ignore_index=True)
    candidates = candidates.assign(sample_id="", shard="", row=0, kind="generation")
    index, _ = judge(candidates, thresholds_of(thresholds, calibration))
    accepted = index["accepted"].groupby(candidates["subject"]).agg(["size", "sum"])
    accepted.columns = ["candidates", "accepted"]
    with atomic_path(out) as temporary:
        accepted.to_csv(temporary)
