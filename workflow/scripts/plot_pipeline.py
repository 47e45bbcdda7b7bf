"""Adapter of rule `plot_pipeline`."""

from toffee.figures.figures import draw_pipeline
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        draw_pipeline(
            plan=snakemake.input.plan,
            subjects=snakemake.input.subjects,
            initial=snakemake.input.initial,
            refined=snakemake.input.refined,
            views=snakemake.input.views,
            out=snakemake.output.figure,
        )
