"""Adapter of rule `score_base`."""

from toffee.evaluation.score.base import score_base
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_base(
            images=snakemake.input.images,
            metric_clip=snakemake.input.metric_clip,
            out=snakemake.output.scores,
            batch=snakemake.params.batch,
        )
