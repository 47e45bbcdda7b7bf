"""Refined images: the subject's details back in the initial images (method step 2)."""

from pathlib import Path

import torch

from toffee.data.loaders.images import to_arrays
from toffee.method.matching import Mixed, match_tokens, may_change
from toffee.method.refiner import Refiner
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.storage.shard import Shard
from toffee.synthesis.stage import draw_stage, sample_noise, subject_images, subject_masks


def mix_tokens(
    encoder: SubjectEncoder,
    initial: torch.Tensor,
    initial_masks: torch.Tensor,
    subjects: torch.Tensor,
    subject_masks: torch.Tensor,
    rule: str,
    threshold: float,
    position_weight: float,
) -> Mixed:
    """Patch tokens of initial images with those of the subjects where they match.

    Args:
        encoder: E.
        initial, subjects: pictures [B,3,H,W].
        initial_masks, subject_masks: bool [B,H,W].
        rule, threshold, position_weight: see `toffee.method.matching.match_tokens`.
    """
    return match_tokens(
        encoder.tokens(initial),
        encoder.tokens(subjects),
        encoder.foreground(initial_masks),
        encoder.foreground(subject_masks),
        rule,
        threshold,
        position_weight,
    )


def refine_shard(
    *,
    plan: str | Path,
    subjects_root: str | Path,
    initial: str | Path,
    refiner: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    segmenter: str | Path,
    detector: str | Path | None = None,
    out: str | Path,
    resolution: int,
    matching: str,
    match_threshold: float,
    position_weight: float,
    strength: float,
    keep_background: bool,
    sampler_steps: int,
    guidance: float,
    batch: int,
    quality: int,
    seed: int,
    code: str = "",
) -> None:
    """Refine a shard's initial images.

    Args:
        initial: the shard's initial images.
        refiner, text_to_image, subject_encoder, segmenter, detector: folders of the models; the
            detector is for a segmenter that is prompted with boxes.
        out: file to write, with `image` (JPEG).
        matching, match_threshold, position_weight: see `toffee.method.matching.match_tokens`.
        strength: share of the noise schedule that the initial images go through.
        keep_background: hold what the matching rule may not touch (see `may_change`).
        The rest as in `toffee.synthesis.initial.draw_initial`.
    """
    model = Refiner(refiner, text_to_image)
    encoder, segment = SubjectEncoder(subject_encoder), load_segmenter(segmenter, detector)
    shape = (
        model.autoencoder.channels,
        resolution // model.autoencoder.factor,
        resolution // model.autoencoder.factor,
    )
    with Shard(initial) as drawn:

        def draw(rows):
            pictures = subject_images(rows, subjects_root, resolution)
            masks = subject_masks(rows, subjects_root, pictures, segment)
            before = drawn.images("image", rows["row"].to_numpy())
            found = segment.segment(before, list(rows["class_word"]))
            mixed = mix_tokens(
                encoder, before, found, pictures, masks, matching, match_threshold, position_weight
            )
            noise = sample_noise(rows, "refined", seed, shape)
            change = may_change(matching, found) if keep_background else None
            refined = model.draw(
                mixed.tokens, noise, sampler_steps, guidance, before, strength, change
            )
            return {"image": to_arrays(refined)}

        draw_stage(
            plan=plan,
            out=out,
            inputs=[
                initial,
                refiner,
                text_to_image,
                subject_encoder,
                segmenter,
                *([detector] if detector else []),
            ],
            settings={
                "resolution": resolution,
                "matching": [matching, match_threshold, position_weight],
                "strength": strength,
                "keep_background": keep_background,
                "steps": sampler_steps,
                "guidance": guidance,
                "seed": seed,
                "code": code,
            },
            images={"image": "jpeg"},
            batch=batch,
            quality=quality,
            draw=draw,
        )
