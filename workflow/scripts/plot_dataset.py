"""Adapter of rule `plot_dataset`."""

from toffee.launch.job import job
from toffee.synthesis.filter import THRESHOLDS
from toffee.tables.dataset import draw_dataset

if __name__ == "__main__":
    with job(snakemake):
        draw_dataset(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            subjects=snakemake.input.subjects,
            thresholds={name: snakemake.params[name] for name in THRESHOLDS},
            out=snakemake.output.figure,
        )
