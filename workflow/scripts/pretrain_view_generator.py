"""Adapter of rule `pretrain_view_generator`."""

from toffee.launch.job import job
from toffee.method.view_generator import pretrain_view_generator

if __name__ == "__main__":
    with job(snakemake):
        pretrain_view_generator(
            multiview=snakemake.input.multiview,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            depth_estimator=snakemake.input.depth_estimator,
            out=snakemake.output.model,
            resolution=snakemake.params.resolution,
            steps=snakemake.params.steps,
            batch=snakemake.params.batch,
            learning_rate=snakemake.params.learning_rate,
            ema=snakemake.params.ema,
            depth=snakemake.params.depth,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
