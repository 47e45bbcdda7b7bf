"""Adapter of rule `score_dataset`."""

from toffee.evaluation.score.dataset import score_dataset
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_dataset(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            subjects=snakemake.input.subjects,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.scores,
            pairs=snakemake.params.pairs,
            batch=snakemake.params.batch,
            seed=snakemake.params.seed,
        )
