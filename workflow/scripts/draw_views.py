"""Adapter of rule `draw_views`."""

from toffee.launch.job import job
from toffee.synthesis.views import draw_views

if __name__ == "__main__":
    with job(snakemake):
        draw_views(
            plan=snakemake.input.plan,
            subjects=snakemake.params.subjects_root,
            multiview=snakemake.params.multiview_root,
            view_generator=snakemake.input.view_generator,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            depth_estimator=snakemake.input.depth_estimator,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
