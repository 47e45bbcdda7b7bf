"""Adapter of rule `plot_toffeenet`."""

from toffee.figures.figures import draw_toffeenet
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        draw_toffeenet(
            images=dict(zip(snakemake.params.methods, snakemake.input.images, strict=True)),
            benchmark=snakemake.input.benchmark,
            references=snakemake.input.references,
            out=snakemake.output.figure,
        )
