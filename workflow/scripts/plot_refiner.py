"""Adapter of rule `plot_refiner`."""

from toffee.job import job
from toffee.report.figures import draw_refiner

if __name__ == "__main__":
    with job(snakemake):
        draw_refiner(
            images=snakemake.input.images,
            out=snakemake.output.figure,
        )
