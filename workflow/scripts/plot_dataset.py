"""Adapter of rule `plot_dataset`."""

from toffee.job import job
from toffee.report.figures import draw_dataset

if __name__ == "__main__":
    with job(snakemake):
        draw_dataset(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            subjects=snakemake.input.subjects,
            out=snakemake.output.figure,
        )
