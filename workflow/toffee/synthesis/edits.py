"""Editing pairs: the same composition with one thing changed inside a mask (method step 4)."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import grown, to_arrays, to_tensor
from toffee.models.depth import DepthEstimator
from toffee.models.folders import BaseModels, SegmenterModels
from toffee.models.loaded import loaded
from toffee.models.sampling import hold_outside, sample
from toffee.models.segmenter import Segmenter, load_segmenter
from toffee.models.text_to_image import TextToImage
from toffee.storage.reader import Shard
from toffee.synthesis.stage import draw_stage, sample_noise


def edit_mask(subject: torch.Tensor, kinds: list[str]) -> torch.Tensor:
    """What an edit may change, bool [B,H,W].

    `background`: all but the subject, to its edge: a rim of the old background would stay as a
    halo. `style`: all, for it is the picture's. Else the subject, with a pixel around it.

    Args:
        subject: masks of the subject, bool [B,H,W].
        kinds: kind of each edit.
    """
    background, style = (
        torch.tensor([kind == wanted for kind in kinds])[:, None, None]
        for wanted in ("background", "style")
    )
    return torch.where(background, ~subject, grown(subject)) | style


def redraw(
    model: TextToImage,
    pictures: torch.Tensor,
    masks: torch.Tensor,
    prompts: list[str],
    depth: torch.Tensor,
    noise: torch.Tensor,
    sampling: Sampling,
    strength: float,
) -> torch.Tensor:
    """Redraw the masked part of pictures under prompts, in the outline of their depth.

    The rest is held in place at every step; the caller pastes its pixels back.
    """
    latents = model.autoencoder.encode(pictures)
    change = F.adaptive_max_pool2d(masks[:, None].float(), latents.shape[-1]) > 0
    keep = hold_outside(change, latents, noise, model.scheduler)
    with torch.no_grad():
        predict = model.predictor(prompts, sampling, depth)
        drawn = sample(predict, model.scheduler, noise, sampling, latents, strength, keep)
    return model.autoencoder.decode(torch.where(change, drawn, latents))


def edit_pictures(
    model: TextToImage,
    estimate: DepthEstimator,
    segment: Segmenter,
    arrays: list[np.ndarray],
    class_words: list[str],
    kinds: list[str],
    prompts: list[str],
    noise: torch.Tensor,
    sampling: Sampling,
    strength: float,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Targets, uint8 [H,W,3], and masks, bool [H,W], of edits of pictures, uint8 [H,W,3].

    A target is its picture to the bit outside of the mask.

    Args:
        class_words, kinds, prompts: of each picture's subject, edit and target.
        noise: [B,C,h,w].
        strength: share of the schedule that a subject goes through when its colour, texture or
            style changes; a background is drawn from nothing.
        The rest as in `redraw`.
    """
    pictures = to_tensor(arrays)
    masks = edit_mask(segment.segment(pictures, class_words), kinds)
    depth = estimate(pictures)
    drawn = torch.zeros_like(pictures)
    background = [kind == "background" for kind in kinds]
    for wanted, share in ((True, 1.0), (False, strength)):
        chosen = [place for place, is_it in enumerate(background) if is_it == wanted]
        if chosen:
            drawn[chosen] = redraw(
                model,
                pictures[chosen],
                masks[chosen],
                [prompts[place] for place in chosen],
                depth[chosen],
                noise[chosen],
                sampling,
                share,
            )
    targets = [
        paste_back(new, old, mask)
        for new, old, mask in zip(to_arrays(drawn), arrays, masks.numpy(), strict=True)
    ]
    return targets, list(masks.numpy())


def paste_back(drawn: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What was drawn inside of the mask [H,W], the picture [H,W,3] to the bit outside of it."""
    return np.where(mask[..., None], drawn, picture)


def make_edits(
    *,
    plan: str | Path,
    refined: str | Path,
    models: BaseModels,
    segmenters: SegmenterModels,
    out: str | Path,
    drawing: Drawing,
    sampling: Sampling,
    edit_strength: float,
    seed: int,
    code: str = "",
) -> None:
    """Make the targets and masks of a shard's editing pairs; generation pairs have none here.

    The input of an editing pair is the refined image. Its target is the same to the bit outside of
    the mask, and is therefore stored without loss.

    Args:
        refined: the shard's refined images.
        edit_strength: share of the noise schedule that a subject goes through when its colour,
            texture or style changes; a background is drawn from nothing.
        out: file to write, with `target` (PNG) and `mask` (PNG).
        The rest as in `toffee.synthesis.initial.draw_initial`.
    """
    model = loaded(TextToImage, models.drawer, models.controlnet_depth)
    estimate = loaded(DepthEstimator, models.depth_estimator)
    segment = loaded(load_segmenter, segmenters.segmenter, segmenters.detector)
    shape = model.autoencoder.latent_shape(drawing.resolution)
    with Shard(refined) as source:

        def draw(rows: pd.DataFrame) -> dict[str, list[np.ndarray]]:
            arrays = source.arrays("image", rows["row"].to_numpy())
            noise = sample_noise(rows, "edits", seed, shape)
            targets, masks = edit_pictures(
                model,
                estimate,
                segment,
                arrays,
                list(rows["class_word"]),
                list(rows["kind"]),
                list(rows["prompt"]),
                noise,
                sampling,
                edit_strength,
            )
            return {"target": targets, "mask": masks}

        draw_stage(
            plan=plan,
            out=out,
            inputs=[refined, *models.paths(), *segmenters.paths()],
            settings={
                "sampling": asdict(sampling),
                "strength": edit_strength,
                "seed": seed,
                "code": code,
            },
            images={"target": "png", "mask": "mask"},
            drawing=drawing,
            draw=draw,
            wants=lambda kind: kind != "generation",
        )
