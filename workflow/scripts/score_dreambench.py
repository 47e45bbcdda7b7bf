"""Adapter of rule `score_dreambench`."""

from toffee.evaluation.score.dreambench import score_dreambench
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_dreambench(
            images=snakemake.input.images,
            method=snakemake.wildcards.method,
            photos=snakemake.input.photos,
            benchmark=snakemake.input.benchmark,
            references=snakemake.input.references,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.scores,
            batch=snakemake.params.batch,
        )
