"""Adapter of rule `copy_controls`."""

from toffee.evaluation.draw.edits import copy_controls
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        copy_controls(
            method=snakemake.wildcards.method,
            pairs=snakemake.input.pairs,
            out=snakemake.output.images,
        )
