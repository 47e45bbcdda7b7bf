"""Adapter of rule `generate_dreambooth`."""

from toffee.evaluation.draw.dreambooth import generate_dreambooth
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        generate_dreambooth(
            benchmark=snakemake.input.benchmark,
            text_to_image=snakemake.input.text_to_image,
            out=snakemake.output.images,
            seconds=snakemake.output.seconds,
            group=int(snakemake.wildcards.group),
            groups=snakemake.params.groups,
            resolution=snakemake.params.resolution,
            attempts=snakemake.params.attempts,
            steps=snakemake.params.steps,
            tuning_batch=snakemake.params.tuning_batch,
            learning_rate=snakemake.params.learning_rate,
            prior_images=snakemake.params.prior_images,
            prior_weight=snakemake.params.prior_weight,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
        )
