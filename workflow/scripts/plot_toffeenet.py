"""Adapter of rule `plot_toffeenet`."""

from toffee.job import job
from toffee.report.figures import draw_toffeenet

if __name__ == "__main__":
    with job(snakemake):
        draw_toffeenet(
            images=dict(zip(snakemake.params.methods, snakemake.input.images, strict=True)),
            benchmark=snakemake.input.benchmark,
            references=snakemake.input.references,
            out=snakemake.output.figure,
        )
