"""Adapter of rule `plot_pipeline`."""

from toffee.job import job
from toffee.report.figures import draw_pipeline

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
