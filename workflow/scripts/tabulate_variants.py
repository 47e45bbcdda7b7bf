"""Adapter of rule `tabulate_variants`."""

from toffee.launch.job import job
from toffee.tables.ablations import tabulate_variants

if __name__ == "__main__":
    with job(snakemake):
        tabulate_variants(
            generation=snakemake.input.generation,
            editing=snakemake.input.editing,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            encoders=snakemake.params.encoders,
        )
