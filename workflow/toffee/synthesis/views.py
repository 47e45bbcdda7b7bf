"""Views: the subject in another pose, so that a pair's input cannot be copied (method step 3)."""

from pathlib import Path

from toffee.data.loaders.images import stack_images, to_arrays
from toffee.method.view_generator import ViewGenerator
from toffee.models.depth import DepthEstimator
from toffee.models.subject_encoder import SubjectEncoder
from toffee.synthesis.stage import draw_stage, planned_files, sample_noise, subject_images


def draw_views(
    *,
    plan: str | Path,
    subjects_root: str | Path,
    multiview_root: str | Path,
    view_generator: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    depth_estimator: str | Path,
    out: str | Path,
    resolution: int,
    sampler_steps: int,
    guidance: float,
    batch: int,
    quality: int,
    seed: int,
    code: str = "",
) -> None:
    """Draw a shard's subjects in the poses of their donors.

    Args:
        multiview_root: root of the sequences that the plan's donors are frames of.
        view_generator, text_to_image, subject_encoder, depth_estimator: folders of the models.
        out: file to write, with `image` (JPEG).
        The rest as in `toffee.synthesis.initial.draw_initial`.
    """
    model = ViewGenerator(view_generator, text_to_image)
    encoder, estimate = SubjectEncoder(subject_encoder), DepthEstimator(depth_estimator)
    side = resolution // model.autoencoder.factor

    def draw(rows):
        donors = stack_images(planned_files(rows, "donor", multiview_root), resolution)
        tokens = encoder.tokens(subject_images(rows, subjects_root, resolution))
        noise = sample_noise(rows, "views", seed, (model.autoencoder.channels, side, side))
        drawn = model.draw(tokens, estimate(donors), noise, sampler_steps, guidance)
        return {"image": to_arrays(drawn)}

    draw_stage(
        plan=plan,
        out=out,
        inputs=[
            view_generator,
            text_to_image,
            subject_encoder,
            depth_estimator,
        ],
        settings={
            "resolution": resolution,
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
