"""Adapter of rule `score_dreambench`."""

from toffee.evaluation.score_dreambench import score_dreambench
from toffee.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_dreambench(
            images=dict(zip(snakemake.params.methods, snakemake.input.images, strict=True)),
            benchmark=snakemake.input.benchmark,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            out=snakemake.output.scores,
            batch=snakemake.params.batch,
        )
