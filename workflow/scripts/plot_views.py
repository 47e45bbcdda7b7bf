"""Adapter of rule `plot_views`."""

from toffee.figures.figures import draw_views
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        draw_views(
            images=snakemake.input.images,
            out=snakemake.output.figure,
        )
