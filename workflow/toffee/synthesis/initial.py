"""Initial images: the base model draws the prompt over the subject's depth (method step 1)."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import to_arrays
from toffee.models.depth import DepthEstimator
from toffee.models.folders import BaseModels
from toffee.models.loaded import loaded
from toffee.models.text_to_image import TextToImage
from toffee.synthesis.stage import draw_stage, sample_noise, subject_images


def draw_initial(
    *,
    plan: str | Path,
    subjects_root: str | Path,
    models: BaseModels,
    out: str | Path,
    drawing: Drawing,
    sampling: Sampling,
    seed: int,
    code: str = "",
) -> None:
    """Draw a shard's initial images: text-aligned, right outline, the subject's details lost.

    Editing pairs start from the picture before the change, so their source prompt is drawn.

    Args:
        plan: the shard's plan.
        subjects_root: root of the subjects' pictures.
        models: folders of the base model and what goes with it.
        out: file to write, with `image` (JPEG).
        drawing, sampling: how the pictures are drawn.
        seed: run seed.
        code: digest of the code, so that no file is resumed by another one.
    """
    model = loaded(TextToImage, models.drawer, models.controlnet_depth)
    estimate = loaded(DepthEstimator, models.depth_estimator)
    shape = model.autoencoder.latent_shape(drawing.resolution)

    def draw(rows: pd.DataFrame) -> dict[str, list[np.ndarray]]:
        depth = estimate(subject_images(rows, subjects_root, drawing.resolution))
        prompts = [
            source or prompt
            for source, prompt in zip(rows["source_prompt"], rows["prompt"], strict=True)
        ]
        noise = sample_noise(rows, "initial", seed, shape)
        return {"image": to_arrays(model.draw(prompts, noise, sampling, depth))}

    draw_stage(
        plan=plan,
        out=out,
        inputs=models.paths(),
        settings={"sampling": asdict(sampling), "seed": seed, "code": code},
        images={"image": "jpeg"},
        drawing=drawing,
        draw=draw,
    )
