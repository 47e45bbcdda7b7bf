"""Ask the dataset's filter which images of DreamBooth would be pairs with the subject's photo."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.images import read_image
from toffee.data.loaders.references import kept_photos
from toffee.evaluation.score.scoring import batches
from toffee.models.clip import Clip
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.runtime.files import atomic_path
from toffee.storage.reader import Shard
from toffee.synthesis.filter import judge, thresholds_of
from toffee.synthesis.scores import candidate_scores


def filter_dreambooth(
    *,
    images: Sequence[str | Path],
    benchmark: str | Path,
    references: str | Path,
    subject_encoder: str | Path,
    clip: str | Path,
    segmenter: str | Path,
    detector: str | Path | None = None,
    out: str | Path,
    thresholds: Mapping[str, float],
    batch: int,
) -> None:
    """Count candidates and accepted pairs of each subject.

    A candidate is an image of a context prompt, which is what the dataset's generation pairs are
    drawn from; its input is the subject's kept photo. It is scored and judged as a generation pair
    of the dataset is.

    Args:
        images: files of `toffee.evaluation.draw.dreambooth`.
        references: which photo of each subject is kept.
        subject_encoder, clip, segmenter, detector: the filter's models; the detector is for a
            segmenter that is prompted with boxes.
        out: CSV to write: subject, candidates, accepted.
        thresholds: config section `filter`, as `thresholds_of` takes it.
        batch: images scored at once.
    """
    loaded = load_benchmark(benchmark)
    kept = kept_photos(references, loaded)
    photos = {s.subject: s.photos[kept[s.subject]] for s in loaded.subjects}
    encoder, clip, segment = (
        SubjectEncoder(subject_encoder),
        Clip(clip),
        load_segmenter(segmenter, detector),
    )
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
                own = torch.stack([read_image(photos[who], side) for who in subjects[some]])
                scores = candidate_scores(
                    encoder,
                    clip,
                    targets,
                    segment.segment(targets, names),
                    list(prompts[some]),
                    own=(own, segment.segment(own, names)),
                    posed=own,
                    before=own,
                )
                frames.append(pd.DataFrame({"subject": subjects[some], **scores}))
    candidates = pd.concat(frames, ignore_index=True)
    places = {"sample_id": "", "shard": "", "row": 0, "kind": "generation"}
    index, _ = judge(candidates.assign(**places), thresholds_of(thresholds))
    accepted = index["accepted"].groupby(candidates["subject"]).agg(["size", "sum"])
    accepted.columns = ["candidates", "accepted"]
    with atomic_path(out) as temporary:
        accepted.to_csv(temporary)
