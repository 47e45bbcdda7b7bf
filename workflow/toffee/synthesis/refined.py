"""Refined images: the subject's details back in the initial images (method step 2)."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from toffee.config.settings import Drawing, Matching, Refining
from toffee.data.loaders.images import to_arrays
from toffee.method.matching import Mixed, match_tokens, may_change
from toffee.method.refiner import Refiner
from toffee.models.folders import RefinerModels, SegmenterModels
from toffee.models.loaded import loaded
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.storage.reader import Shard
from toffee.synthesis.stage import draw_stage, sample_noise, subject_images, subject_masks
from toffee.synthesis.thresholds import settled


def mix_tokens(
    encoder: SubjectEncoder,
    initial: torch.Tensor,
    initial_masks: torch.Tensor,
    subjects: torch.Tensor,
    subject_masks: torch.Tensor,
    matching: Matching,
) -> Mixed:
    """Patch tokens of initial images with those of the subjects where they match.

    Args:
        encoder: E.
        initial, subjects: pictures [B,3,H,W].
        initial_masks, subject_masks: bool [B,H,W].
        matching: see `toffee.method.matching.match_tokens`.
    """
    return match_tokens(
        encoder.tokens(initial),
        encoder.tokens(subjects),
        encoder.foreground(initial_masks),
        encoder.foreground(subject_masks),
        matching,
    )


def load_refiner(models: RefinerModels) -> tuple[Refiner, SubjectEncoder]:
    """The Refiner and E."""
    refiner = loaded(Refiner, models.refiner, models.text_to_image)
    return refiner, loaded(SubjectEncoder, models.subject_encoder)


def refine_shard(
    *,
    plan: str | Path,
    subjects_root: str | Path,
    initial: str | Path,
    models: RefinerModels,
    segmenters: SegmenterModels,
    out: str | Path,
    drawing: Drawing,
    refining: Refining,
    seed: int,
    code: str = "",
    calibration: str | Path | None = None,
) -> None:
    """Refine a shard's initial images.

    Args:
        initial: the shard's initial images.
        models, segmenters: folders of the Refiner's models and of the segmenter's.
        out: file to write, with `image` (JPEG).
        refining: how tokens are matched and images redrawn.
        calibration: what the threshold is looked up in, where it is a quantile.
        The rest as in `toffee.synthesis.initial.draw_initial`.
    """
    model, encoder = load_refiner(models)
    segment = loaded(load_segmenter, segmenters.segmenter, segmenters.detector)
    shape = model.autoencoder.latent_shape(drawing.resolution)
    matching = settled(refining.matching, calibration)
    refining = replace(refining, matching=matching)
    with Shard(initial) as drawn:

        def draw(rows: pd.DataFrame) -> dict[str, list[np.ndarray]]:
            pictures = subject_images(rows, subjects_root, drawing.resolution)
            masks = subject_masks(rows, subjects_root, pictures, segment)
            before = drawn.images("image", rows["row"].to_numpy())
            found = segment.segment(before, list(rows["class_word"]))
            mixed = mix_tokens(encoder, before, found, pictures, masks, matching)
            noise = sample_noise(rows, "refined", seed, shape)
            change = may_change(matching.rule, found) if refining.keep_background else None
            refined = model.draw(
                mixed.tokens, noise, refining.sampling, before, refining.strength, change
            )
            return {"image": to_arrays(refined)}

        draw_stage(
            plan=plan,
            out=out,
            inputs=[initial, *models.paths(), *segmenters.paths()],
            settings={"refining": asdict(refining), "seed": seed, "code": code},
            images={"image": "jpeg"},
            drawing=drawing,
            draw=draw,
        )
