"""Adapter of rule `tabulate_refiner`."""

from toffee.launch.job import job
from toffee.tables.tabulate import tabulate_refiner

if __name__ == "__main__":
    with job(snakemake):
        tabulate_refiner(
            scores=snakemake.input.scores,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            default=snakemake.params.default,
        )
