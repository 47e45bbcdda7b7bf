"""Adapter of rule `tabulate_reconstruction`."""

from toffee.launch.job import job
from toffee.tables.ablations import tabulate_reconstruction

if __name__ == "__main__":
    with job(snakemake):
        tabulate_reconstruction(
            scores=snakemake.input.scores,
            shares=snakemake.params.shares,
            published=snakemake.input.published,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            encoders=snakemake.params.encoders,
            source=snakemake.params.source,
            resolution=snakemake.params.resolution,
        )
