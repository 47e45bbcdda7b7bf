"""Scores of every candidate, and the finished shard (method step 5). Nothing is thrown away."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from toffee.config.sections.filter import SCORES
from toffee.config.settings import Drawing
from toffee.data.loaders.images import to_tensor
from toffee.models.clip import Clip
from toffee.models.diffusion import batches
from toffee.models.folders import SegmenterModels
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder, segmented
from toffee.runtime.progress import progress
from toffee.storage.encoding import ImageFormat
from toffee.storage.layout import ColumnType
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter
from toffee.synthesis.copy_rate import copy_rate
from toffee.synthesis.plan import STAGES, read_plan
from toffee.synthesis.stage import forget_journals, identity, subject_images, subject_masks

TEXTS = (
    "sample_id",
    "subject",
    "class_word",
    "kind",
    "prompt",
    "source_prompt",
    "donor",
    "subject_licence",
    "donor_licence",
)
NUMBERS = ("attempt", *(f"seed_{stage}" for stage in STAGES))
LAYOUT: dict[str, ImageFormat] = {
    "target": "jpeg",  # generation; an editing pair's is its PNG, taken over as it is
    "input": "jpeg",
    "mask": "mask",
    "subject": "jpeg",
    "subject_mask": "mask",
}


def connectedness(mask: np.ndarray) -> float:
    """Share of a mask, bool [H,W], that its largest connected part holds; 0 for an empty mask."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return 0.0
    return float(np.bincount(labels.ravel())[1:].max() / mask.sum())


def cut_out_similarity(
    encoder: SubjectEncoder,
    a: torch.Tensor,
    a_masks: torch.Tensor,
    b: torch.Tensor,
    b_masks: torch.Tensor,
) -> torch.Tensor:
    """Cosine [B] of the class tokens of two subjects on grey; 0 where one was not found."""
    features = [
        F.normalize(encoder.encode(segmented(images, masks))[0], dim=-1)
        for images, masks in ((a, a_masks), (b, b_masks))
    ]
    found = a_masks.flatten(1).any(1) & b_masks.flatten(1).any(1)
    return (features[0] * features[1]).sum(1) * found


def candidate_scores(
    encoder: SubjectEncoder,
    judge: Clip,
    targets: torch.Tensor,
    masks: torch.Tensor,
    prompts: list[str],
    own: tuple[torch.Tensor, torch.Tensor],
    posed: torch.Tensor,
    before: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """The scores [B] that the filter reads, by name (see `score_shard`).

    Args:
        encoder: the subject encoder.
        judge: the filter's CLIP.
        targets, masks, prompts: pictures [B,3,H,W], the subject in them [B,H,W], and their texts.
        own: each subject's own picture and the mask of the subject in it.
        posed: the subject as the pair shows it [B,3,H,W]; what the target must not copy.
        before: the pair's input picture [B,3,H,W].
    """
    features = judge.images(targets)
    return {
        "subject_similarity": cut_out_similarity(encoder, targets, masks, *own),
        "text_alignment": (features * judge.texts(prompts)).sum(1),
        "image_similarity": (features * judge.images(before)).sum(1),
        "copy_rate": copy_rate(targets, posed, masks, encoder.grid),
        "mask_area": masks.float().mean((1, 2)),
        "mask_connectedness": torch.tensor([connectedness(m) for m in masks.numpy()]),
    }


def score_shard(
    *,
    plan: str | Path,
    subjects_root: str | Path,
    refined: str | Path,
    views: str | Path,
    edits: str | Path,
    subject_encoder: str | Path,
    clip: str | Path,
    segmenters: SegmenterModels,
    out: str | Path,
    drawing: Drawing,
    code: str = "",
) -> None:
    """Put a shard's pairs together and score them.

    Every pair has `subject` (the subject in another pose, from the View Generator, with
    `subject_mask`), `target` and `prompt`. An editing pair also has `input` and `mask`: outside of
    the mask input and target are equal. In a generation pair `mask` is the subject in the target.

    Scores (columns): subject_similarity (cosine of the subject encoder's class tokens, target and
    the subject's own picture, both cut out), text_alignment (filter CLIP, target and prompt),
    image_similarity (filter CLIP, target and the pair's input picture), copy_rate (share of
    foreground patches repeated in place), mask_area (share of the target that the subject takes),
    mask_connectedness.

    Licences and seeds of a sample stand in its row of the plan, and here beside its pictures.

    code: digest of the code, so that no shard is resumed by another one.
    """
    rows = read_plan(plan)
    encoder, judge, segment = (
        SubjectEncoder(subject_encoder),
        Clip(clip),
        load_segmenter(segmenters.segmenter, segmenters.detector),
    )
    inputs = [refined, views, edits, subject_encoder, clip, *segmenters.paths()]
    digest = identity(rows, inputs, {"resolution": drawing.resolution, "code": code})
    types: tuple[ColumnType, ...] = ("str", "int", "float")
    named = zip(types, (TEXTS, NUMBERS, SCORES), strict=True)
    columns = {name: kind for kind, names in named for name in names}
    with (
        Shard(refined) as drawn,
        Shard(views) as seen,
        Shard(edits) as edited,
        ShardWriter(out, len(rows), digest, LAYOUT, columns, drawing.quality) as writer,
    ):
        left = rows.iloc[writer.done :]
        for span in progress(
            batches(len(left), drawing.batch), desc=f"scores {Path(out).stem}", unit="batch"
        ):
            part = left.iloc[span]
            places, words = part["row"].to_numpy(), list(part["class_word"])
            editing = (part["kind"] != "generation").to_numpy()
            targets = to_tensor(
                [
                    (edited if edit else drawn).arrays("target" if edit else "image", [row])[0]
                    for row, edit in zip(places, editing, strict=True)
                ]
            )
            own = subject_images(part, subjects_root, drawing.resolution)
            own_masks = subject_masks(part, subjects_root, own, segment)
            posed = seen.images("image", places)
            before = torch.where(
                torch.tensor(editing)[:, None, None, None], drawn.images("image", places), posed
            )
            masks = segment.segment(targets, words)
            posed_masks = segment.segment(posed, words)
            scores = candidate_scores(
                encoder,
                judge,
                targets,
                masks,
                list(part["prompt"]),
                own=(own, own_masks),
                posed=posed,
                before=before,
            )
            files: dict[str, list[Any]] = {
                "target": [
                    edited.encoded("target", row) if edit else drawn.encoded("image", row)
                    for row, edit in zip(places, editing, strict=True)
                ],
                "input": [
                    drawn.encoded("image", row) if edit else None
                    for row, edit in zip(places, editing, strict=True)
                ],
                "mask": [
                    edited.encoded("mask", row) if edit else mask
                    for row, edit, mask in zip(places, editing, masks.numpy(), strict=True)
                ],
                "subject": [seen.encoded("image", row) for row in places],
                "subject_mask": list(posed_masks.numpy()),
            }
            values = {name: list(part[name]) for name in (*TEXTS, *NUMBERS)}
            writer.push(values | {name: score.tolist() for name, score in scores.items()}, files)
    forget_journals(refined)
