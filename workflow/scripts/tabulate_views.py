"""Adapter of rule `tabulate_views`."""

from toffee.launch.job import job
from toffee.tables.tabulate import tabulate_views

if __name__ == "__main__":
    with job(snakemake):
        tabulate_views(
            scores=snakemake.input.scores,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
        )
