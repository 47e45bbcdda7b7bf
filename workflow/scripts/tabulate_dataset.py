"""Adapter of rule `tabulate_dataset`."""

from toffee.job import job
from toffee.report.tabulate import tabulate_dataset

if __name__ == "__main__":
    with job(snakemake):
        tabulate_dataset(
            funnel=snakemake.input.funnel,
            quarantine=snakemake.input.quarantine,
            scores=snakemake.input.scores,
            published=snakemake.input.published,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
        )
