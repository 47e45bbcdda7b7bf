"""Adapter of rule `tabulate_base`."""

from toffee.launch.job import job
from toffee.tables.tabulate import tabulate_base

if __name__ == "__main__":
    with job(snakemake):
        tabulate_base(
            scores=snakemake.input.scores,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
        )
