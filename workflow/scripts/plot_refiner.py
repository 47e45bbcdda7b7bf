"""Adapter of rule `plot_refiner`."""

from toffee.figures.figures import draw_refiner
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        draw_refiner(
            images=snakemake.input.images,
            out=snakemake.output.figure,
        )
