"""Adapter of rule `tabulate_editing`."""

from toffee.launch.job import job
from toffee.tables.ablations import tabulate_editing

if __name__ == "__main__":
    with job(snakemake):
        tabulate_editing(
            scores=snakemake.input.scores,
            depth=snakemake.params.depth,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            encoders=snakemake.params.encoders,
        )
