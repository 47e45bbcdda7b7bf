"""Adapter of rule `plot_edits`."""

from toffee.figures.edits import draw_edits
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        draw_edits(
            pairs=snakemake.input.pairs,
            images=dict(zip(snakemake.params.methods, snakemake.input.images, strict=True)),
            out=snakemake.output.figure,
        )
