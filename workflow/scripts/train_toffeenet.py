"""Adapter of rule `train_toffeenet`."""

from toffee.launch.job import job
from toffee.method.toffeenet import train_toffeenet

if __name__ == "__main__":
    with job(snakemake):
        train_toffeenet(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            depth_estimator=snakemake.input.depth_estimator,
            view_generator=snakemake.input.view_generator,
            out=snakemake.output.model,
            resolution=snakemake.params.resolution,
            steps=snakemake.params.steps,
            batch=snakemake.params.batch,
            learning_rate=snakemake.params.learning_rate,
            ema=snakemake.params.ema,
            kinds=snakemake.params.kinds,
            reconstruction=snakemake.params.reconstruction,
            drop_text=snakemake.params.drop_text,
            drop_subject=snakemake.params.drop_subject,
            drop_both=snakemake.params.drop_both,
            segmented=snakemake.params.segmented,
            depth=snakemake.params.depth,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
