"""Adapter of rule `pretrain_refiner`."""

from toffee.launch.job import job
from toffee.method.refiner import pretrain_refiner

if __name__ == "__main__":
    with job(snakemake):
        pretrain_refiner(
            multiview=snakemake.input.multiview,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            out=snakemake.output.model,
            resolution=snakemake.params.resolution,
            steps=snakemake.params.steps,
            batch=snakemake.params.batch,
            learning_rate=snakemake.params.learning_rate,
            ema=snakemake.params.ema,
            token_grid=snakemake.params.token_grid,
            token_dropout=snakemake.params.token_dropout,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
