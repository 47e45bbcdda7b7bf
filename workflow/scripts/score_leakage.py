"""Adapter of rule `score_leakage`."""

from toffee.evaluation.score.leakage import score_leakage
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        score_leakage(
            benchmark=snakemake.input.benchmark,
            subjects=snakemake.input.subjects,
            multiview=snakemake.input.multiview,
            multiview_heldout=snakemake.input.multiview_heldout,
            metric_dino=snakemake.input.metric_dino,
            metric_clip=snakemake.input.metric_clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.nearest,
            resolution=snakemake.params.resolution,
            batch=snakemake.params.batch,
        )
