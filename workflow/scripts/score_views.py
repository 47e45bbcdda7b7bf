"""Adapter of rule `score_views`."""

from toffee.evaluation.score.views import score_views
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_views(
            images=snakemake.input.images,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.scores,
            batch=snakemake.params.batch,
        )
