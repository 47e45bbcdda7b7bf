"""Initial images: the base model draws the prompt over the subject's depth (method step 1)."""

from pathlib import Path

from toffee.data.loaders.images import to_arrays
from toffee.models.depth import DepthEstimator
from toffee.models.text_to_image import TextToImage
from toffee.synthesis.stage import draw_stage, sample_noise, subject_images


def draw_initial(
    *,
    plan: str | Path,
    subjects_root: str | Path,
    text_to_image: str | Path,
    controlnet_depth: str | Path,
    depth_estimator: str | Path,
    out: str | Path,
    resolution: int,
    sampler_steps: int,
    guidance: float,
    control_scale: float,
    batch: int,
    quality: int,
    seed: int,
    code: str = "",
) -> None:
    """Draw a shard's initial images: text-aligned, right outline, the subject's details lost.

    Editing pairs start from the picture before the change, so their source prompt is drawn.

    Args:
        plan: the shard's plan.
        subjects_root: root of the subjects' pictures.
        text_to_image, controlnet_depth, depth_estimator: folders of the models.
        out: file to write, with `image` (JPEG).
        resolution: side of the pictures in pixels.
        sampler_steps, guidance, control_scale: see `TextToImage.draw`.
        batch, quality: samples at once, JPEG quality.
        seed: run seed.
        code: digest of the code, so that no file is resumed by another one.
    """
    model = TextToImage(text_to_image, controlnet_depth)
    estimate = DepthEstimator(depth_estimator)

    def draw(rows):
        depth = estimate(subject_images(rows, subjects_root, resolution))
        prompts = [
            source or prompt
            for source, prompt in zip(rows["source_prompt"], rows["prompt"], strict=True)
        ]
        noise = sample_noise(rows, "initial", seed, model.latent_shape(resolution))
        return {
            "image": to_arrays(
                model.draw(prompts, noise, sampler_steps, guidance, depth, control_scale)
            )
        }

    draw_stage(
        plan=plan,
        out=out,
        inputs=[text_to_image, controlnet_depth, depth_estimator],
        settings={
            "resolution": resolution,
            "steps": sampler_steps,
            "guidance": guidance,
            "control_scale": control_scale,
            "seed": seed,
            "code": code,
        },
        images={"image": "jpeg"},
        batch=batch,
        quality=quality,
        draw=draw,
    )
