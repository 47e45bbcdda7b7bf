"""Adapter of rule `tune_dreambooth`."""

from toffee.evaluation.tune_dreambooth import tune_dreambooth
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        tune_dreambooth(
            multiview=snakemake.input.multiview,
            prompts=snakemake.input.prompts,
            text_to_image=snakemake.input.text_to_image,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.scores,
            resolution=snakemake.params.resolution,
            subjects=snakemake.params.subjects,
            steps=snakemake.params.steps,
            tuning_batch=snakemake.params.tuning_batch,
            learning_rate=snakemake.params.learning_rate,
            prior_images=snakemake.params.prior_images,
            prior_weight=snakemake.params.prior_weight,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            seed=snakemake.params.seed,
        )
