"""Adapter of rule `score_refiner`."""

from toffee.evaluation.score.refiner import score_refiner
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_refiner(
            images=snakemake.input.images,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.scores,
            batch=snakemake.params.batch,
        )
