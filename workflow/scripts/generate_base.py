"""Adapter of rule `generate_base`."""

from toffee.evaluation.draw.base import generate_base
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        generate_base(
            text_to_image=snakemake.input.text_to_image,
            controlnet_depth=snakemake.input.controlnet_depth,
            depth_estimator=snakemake.input.depth_estimator,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            base_prompts=snakemake.params.base_prompts,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            control_scale=snakemake.params.control_scale,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
        )
