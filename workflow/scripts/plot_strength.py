"""Adapter of rule `plot_strength`."""

from toffee.figures.strength import draw_strength
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        draw_strength(
            scores=snakemake.input.scores,
            images=snakemake.input.images,
            benchmark=snakemake.input.benchmark,
            references=snakemake.input.references,
            strengths=snakemake.params.strengths,
            out=snakemake.output.figure,
        )
