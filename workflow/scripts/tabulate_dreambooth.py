"""Adapter of rule `tabulate_dreambooth`."""

from toffee.launch.job import job
from toffee.tables.tabulate import tabulate_dreambooth

if __name__ == "__main__":
    with job(snakemake):
        tabulate_dreambooth(
            scores=snakemake.input.scores,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            steps=snakemake.params.steps,
            encoders=snakemake.params.encoders,
        )
