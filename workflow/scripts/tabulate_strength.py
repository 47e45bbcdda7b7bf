"""Adapter of rule `tabulate_strength`."""

from toffee.launch.job import job
from toffee.tables.ablations import tabulate_strength

if __name__ == "__main__":
    with job(snakemake):
        tabulate_strength(
            scores=snakemake.input.scores,
            strengths=snakemake.params.strengths,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            encoders=snakemake.params.encoders,
        )
