"""Adapter of rule `plot_editing`."""

from toffee.job import job
from toffee.report.figures import draw_editing

if __name__ == "__main__":
    with job(snakemake):
        draw_editing(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            out=snakemake.output.figure,
        )
