"""Views: the subject in another pose, so that a pair's input cannot be copied (method step 3)."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import stack_images, to_arrays
from toffee.method.view_generator import ViewGenerator
from toffee.models.depth import DepthEstimator
from toffee.models.folders import ViewModels
from toffee.models.loaded import loaded
from toffee.models.subject_encoder import SubjectEncoder
from toffee.synthesis.listing import MULTIVIEW, SUBJECTS
from toffee.synthesis.stage import draw_stage, planned_files, sample_noise, subject_images


def draw_views(
    *,
    plan: str | Path,
    subjects_root: str | Path,
    multiview_root: str | Path,
    models: ViewModels,
    out: str | Path,
    drawing: Drawing,
    sampling: Sampling,
    seed: int,
    code: str = "",
) -> None:
    """Draw a shard's subjects in the poses of their donors.

    Args:
        multiview_root: root of the sequences that the plan's donors are frames of.
        models: folders of the View Generator and what it draws with.
        out: file to write, with `image` (JPEG).
        The rest as in `toffee.synthesis.initial.draw_initial`.
    """
    model = loaded(ViewGenerator, models.view_generator, models.text_to_image)
    encoder = loaded(SubjectEncoder, models.subject_encoder)
    estimate = loaded(DepthEstimator, models.depth_estimator)
    shape = model.autoencoder.latent_shape(drawing.resolution)
    roots = {MULTIVIEW: multiview_root, SUBJECTS: subjects_root}

    def draw(rows: pd.DataFrame) -> dict[str, list[np.ndarray]]:
        folders = rows["donor_folder"].map(roots)
        donors = stack_images(planned_files(rows, "donor", folders), drawing.resolution)
        subjects = subject_images(rows, subjects_root, drawing.resolution)
        drawn = model.draw(
            encoder.tokens(subjects),
            estimate(donors),
            sample_noise(rows, "views", seed, shape),
            sampling,
            model.reference(subjects),
        )
        return {"image": to_arrays(drawn)}

    draw_stage(
        plan=plan,
        out=out,
        inputs=models.paths(),
        settings={"sampling": asdict(sampling), "seed": seed, "code": code},
        images={"image": "jpeg"},
        drawing=drawing,
        draw=draw,
    )
