"""Adapter of rule `plot_editing`."""

from toffee.figures.figures import draw_editing
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        draw_editing(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            out=snakemake.output.figure,
        )
