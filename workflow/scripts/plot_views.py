"""Adapter of rule `plot_views`."""

from toffee.job import job
from toffee.report.figures import draw_views

if __name__ == "__main__":
    with job(snakemake):
        draw_views(
            images=snakemake.input.images,
            out=snakemake.output.figure,
        )
