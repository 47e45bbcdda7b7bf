"""Scores of every candidate, and the finished shard (method step 5). Nothing is thrown away."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from toffee.config.sections.filter import SCORES
from toffee.config.settings import Drawing
from toffee.data.loaders.images import to_arrays, to_tensor
from toffee.data.loaders.prompt_parts import read_prompt_parts
from toffee.models.clip import Clip
from toffee.models.diffusion import batches
from toffee.models.folders import SegmenterModels
from toffee.models.loaded import loaded
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder, segmented
from toffee.runtime.progress import progress
from toffee.storage.encoding import ImageFormat
from toffee.storage.layout import ColumnType
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter
from toffee.synthesis.copy_rate import copy_rate
from toffee.synthesis.plan import STAGES, other_prompts, read_plan
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
    "photo": "jpeg",
    "photo_mask": "mask",
}


def connectedness(mask: np.ndarray) -> float:
    """Share of a mask, bool [H,W], that its largest connected part holds; 0 for an empty mask."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return 0.0
    return float(np.bincount(labels.ravel())[1:].max() / mask.sum())


def subject_features(
    encoder: SubjectEncoder, images: torch.Tensor, masks: torch.Tensor
) -> torch.Tensor:
    """Class tokens [B,d] of subjects on grey, of unit length; zeros where one was not found."""
    found = masks.flatten(1).any(1, keepdim=True)
    return F.normalize(encoder.encode(segmented(images, masks))[0], dim=-1) * found


def change_read(
    after: torch.Tensor,
    before: torch.Tensor,
    prompts: list[str],
    others: list[list[str]],
    encode: Callable[[list[str]], torch.Tensor],
    scale: float,
) -> torch.Tensor:
    """With which probability [B] a CLIP reads an edit's text in the picture, and not yet before it.

    The text is read against the best other, so that it does not depend on how many there are. Of
    the edits of a demo run, this told better than the direction of the change (arXiv 2211.09800)
    which ones the metric CLIP reads.

    Args:
        after, before: features of the edited pictures, and of those that were edited [B,d], of unit
            length.
        prompts: of each edit.
        others: texts that must fit it less; without any its probability is 1.
        encode: the CLIP's features [N,d] of texts, of unit length; scale: of cosines, to logits.
    """
    texts = list(dict.fromkeys(text for one in (prompts, *others) for text in one))
    known = dict(zip(texts, encode(texts), strict=True))
    shares = torch.ones(len(prompts))
    for row, (prompt, rest) in enumerate(zip(prompts, others, strict=True)):
        if rest:
            pictures = torch.stack([after[row], before[row]])
            best = (pictures @ torch.stack([known[text] for text in rest]).T).amax(1)
            now, then = torch.sigmoid(scale * (pictures @ known[prompt] - best))
            shares[row] = now * (1 - then)
    return shares


def candidate_scores(
    encoder: SubjectEncoder,
    judge: Clip,
    targets: torch.Tensor,
    masks: torch.Tensor,
    prompts: list[str],
    own: tuple[torch.Tensor, torch.Tensor],
    posed: tuple[torch.Tensor, torch.Tensor],
    before: torch.Tensor,
    others: list[list[str]] | None = None,
) -> dict[str, torch.Tensor]:
    """The scores [B] that the filter reads, by name (see `score_shard`).

    Args:
        encoder: the subject encoder.
        judge: the filter's CLIP.
        targets, masks, prompts: pictures [B,3,H,W], the subject in them [B,H,W], and their texts.
        own: each subject's own picture and the mask of the subject in it.
        posed: the subject as the pair shows it [B,3,H,W], what the target must not copy, and its
            mask there.
        before: the pair's input picture [B,3,H,W].
        others: what an edit could have been instead (see `change_read`); None for no edits.
    """
    features, features_before = judge.images(targets), judge.images(before)
    target, view, subject = (
        subject_features(encoder, *shown) for shown in ((targets, masks), posed, own)
    )
    return {
        "subject_similarity": (target * subject).sum(1),
        "view_similarity": (view * subject).sum(1),
        "pair_similarity": (target * view).sum(1),
        "text_alignment": (features * judge.texts(prompts)).sum(1),
        "change_read": change_read(
            features,
            features_before,
            prompts,
            others or [[]] * len(prompts),
            judge.texts,
            judge.scale,
        ),
        "image_similarity": (features * features_before).sum(1),
        "copy_rate": copy_rate(targets, posed[0], masks, encoder.grid),
        "mask_area": masks.float().mean((1, 2)),
        "mask_connectedness": torch.tensor([connectedness(m) for m in masks.numpy()]),
    }


def score_shard(
    *,
    plan: str | Path,
    prompts: str | Path,
    subjects_root: str | Path,
    refined: str | Path,
    views: str | Path,
    edits: str | Path,
    subject_encoder: str | Path,
    clip: str | Path,
    segmenters: SegmenterModels,
    out: str | Path,
    drawing: Drawing,
    texts: str | Path | None = None,
    code: str = "",
) -> None:
    """Put a shard's pairs together and score them.

    Every pair has `subject` (the subject in another pose, from the View Generator, with
    `subject_mask`), `photo` (the picture that this was drawn from, with `photo_mask`), `target` and
    `prompt`. An editing pair also has `input` and `mask`: outside of the mask input and target are
    equal. In a generation pair `mask` is the subject in the target.

    Scores (columns): subject_similarity (cosine of the subject encoder's class tokens, target and
    the subject's own picture, both cut out), view_similarity and pair_similarity (the same of the
    view and the own picture, and of target and view), change_read (with which probability the
    filter CLIP reads an edit's prompt in the target, and not the best of the others of its kind,
    and not yet in the input; 1 for generation), text_alignment (filter CLIP, target and prompt),
    image_similarity (filter CLIP, target and the pair's input picture), copy_rate (share of
    foreground patches repeated in place), mask_area (share of the target that the subject takes),
    mask_connectedness.

    Licences and seeds of a sample stand in its row of the plan, and here beside its pictures.

    prompts: YAML file of the prompts' parts.
    texts: text file of own contexts, in place of those of `prompts`.
    code: digest of the code, so that no shard is resumed by another one.
    """
    rows, parts = read_plan(plan), read_prompt_parts(prompts, texts)
    encoder, judge, segment = (
        loaded(SubjectEncoder, subject_encoder),
        loaded(Clip, clip),
        loaded(load_segmenter, segmenters.segmenter, segmenters.detector),
    )
    inputs = [prompts, refined, views, edits, subject_encoder, clip, *segmenters.paths()]
    inputs += [texts] if texts else []
    licences = rows[["subject_licence", "donor_licence"]].to_numpy().tolist()
    settings = {"resolution": drawing.resolution, "code": code, "licences": licences}
    digest = identity(rows, inputs, settings)
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
                posed=(posed, posed_masks),
                before=before,
                others=[other_prompts(row, parts) for row in part.to_dict("records")],
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
                "photo": list(to_arrays(own)),
                "photo_mask": list(own_masks.numpy()),
            }
            values = {name: list(part[name]) for name in (*TEXTS, *NUMBERS)}
            writer.push(values | {name: score.tolist() for name, score in scores.items()}, files)
    forget_journals(refined)
