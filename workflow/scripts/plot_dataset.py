"""Adapter of rule `plot_dataset`."""

from toffee.job import job
from toffee.report.dataset import draw_dataset
from toffee.synthesis.filter import THRESHOLDS

if __name__ == "__main__":
    with job(snakemake):
        draw_dataset(
            index=snakemake.input.index,
            shards=snakemake.input.shards,
            subjects=snakemake.input.subjects,
            thresholds={name: snakemake.params[name] for name in THRESHOLDS},
            out=snakemake.output.figure,
        )
