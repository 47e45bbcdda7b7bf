"""Adapter of rule `score_edits`."""

from toffee.evaluation.score.edits import score_edits
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_edits(
            images=snakemake.input.images,
            pairs=snakemake.input.pairs,
            method=snakemake.wildcards.method,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            depth_estimator=snakemake.input.depth_estimator,
            out=snakemake.output.scores,
            batch=snakemake.params.batch,
        )
