"""Adapter of rule `plot_dataset`."""

from toffee.job import job
from toffee.report.dataset import draw_dataset

if __name__ == "__main__":
    with job(snakemake):
        draw_dataset(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            subjects=snakemake.input.subjects,
            thresholds=dict(snakemake.params.thresholds),
            out=snakemake.output.figure,
        )
