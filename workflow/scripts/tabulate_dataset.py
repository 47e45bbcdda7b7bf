"""Adapter of rule `tabulate_dataset`."""

from toffee.launch.job import job
from toffee.synthesis.filter import THRESHOLDS
from toffee.tables.dataset import tabulate_dataset

if __name__ == "__main__":
    with job(snakemake):
        tabulate_dataset(
            funnel=snakemake.input.funnel,
            quarantine=snakemake.input.quarantine,
            scores=snakemake.input.scores,
            leakage=snakemake.input.leakage,
            published=snakemake.input.published,
            thresholds={name: snakemake.params[name] for name in THRESHOLDS},
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
        )
