"""Adapter of rule `generate_views`."""

from toffee.evaluation.draw.views import generate_views
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        generate_views(
            multiview_heldout=snakemake.input.multiview_heldout,
            view_generator=snakemake.input.view_generator,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            depth_estimator=snakemake.input.depth_estimator,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            subjects=snakemake.params.subjects,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
        )
