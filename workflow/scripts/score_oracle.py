"""Adapter of rule `score_oracle`."""

from toffee.evaluation.score.dreambench import score_oracle
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_oracle(
            benchmark=snakemake.input.benchmark,
            references=snakemake.input.references,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.scores,
            features_out=snakemake.output.features,
            batch=snakemake.params.batch,
        )
