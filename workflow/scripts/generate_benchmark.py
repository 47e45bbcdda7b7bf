"""Adapter of rule `generate_benchmark`."""

from toffee.evaluation.draw.benchmark import generate_benchmark
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        generate_benchmark(
            method=snakemake.wildcards.method,
            benchmark=snakemake.input.benchmark,
            references=snakemake.input.references,
            text_to_image=snakemake.input.text_to_image,
            controlnet_depth=snakemake.input.controlnet_depth,
            depth_estimator=snakemake.input.depth_estimator,
            toffeenet=snakemake.input.toffeenet,
            subject_encoder=snakemake.input.subject_encoder,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            prompts=snakemake.params.prompts,
            attempt=snakemake.params.attempt,
            subject_scales=snakemake.params.subject_scales,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            control_scale=snakemake.params.control_scale,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
        )
