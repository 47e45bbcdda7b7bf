"""Adapter of rule `generate_edits`."""

from toffee.evaluation.draw.edits import generate_edits
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        generate_edits(
            method=snakemake.wildcards.method,
            pairs=snakemake.input.pairs,
            toffeenet=snakemake.input.toffeenet,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            depth_estimator=snakemake.input.depth_estimator,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            attempts=snakemake.params.attempts,
            subject_scale=snakemake.params.subject_scale,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            seed=snakemake.params.seed,
        )
