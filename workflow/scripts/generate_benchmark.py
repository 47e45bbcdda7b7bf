"""Adapter of rule `generate_benchmark`."""

from toffee.evaluation.generate_benchmark import generate_benchmark
from toffee.job import job

if __name__ == "__main__":
    with job(snakemake):
        generate_benchmark(
            method=snakemake.wildcards.method,
            benchmark=snakemake.input.benchmark,
            text_to_image=snakemake.input.text_to_image,
            toffeenet=snakemake.input.toffeenet or None,
            subject_encoder=snakemake.input.subject_encoder,
            segmenter=snakemake.input.segmenter,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            images_per_prompt=snakemake.params.images_per_prompt,
            subject_scale=snakemake.params.subject_scale,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
        )
