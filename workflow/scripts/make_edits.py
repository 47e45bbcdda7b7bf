"""Adapter of rule `make_edits`."""

from toffee.launch.job import job
from toffee.synthesis.edits import make_edits

if __name__ == "__main__":
    with job(snakemake):
        make_edits(
            plan=snakemake.input.plan,
            refined=snakemake.input.refined,
            text_to_image=snakemake.input.text_to_image,
            controlnet_depth=snakemake.input.controlnet_depth,
            depth_estimator=snakemake.input.depth_estimator,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            edit_strength=snakemake.params.edit_strength,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            control_scale=snakemake.params.control_scale,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
