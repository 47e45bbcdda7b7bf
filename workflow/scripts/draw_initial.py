"""Adapter of rule `draw_initial`."""

from toffee.launch.job import job
from toffee.synthesis.initial import draw_initial

if __name__ == "__main__":
    with job(snakemake):
        draw_initial(
            plan=snakemake.input.plan,
            subjects=snakemake.params.subjects_root,
            text_to_image=snakemake.input.text_to_image,
            controlnet_depth=snakemake.input.controlnet_depth,
            depth_estimator=snakemake.input.depth_estimator,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            control_scale=snakemake.params.control_scale,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
