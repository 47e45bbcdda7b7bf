"""Adapter of rule `write_report`."""

from toffee.launch.job import job
from toffee.site.page import write_page

if __name__ == "__main__":
    with job(snakemake):
        write_page(
            scale=snakemake.params.scale,
            tables=snakemake.input.tables,
            figures=snakemake.input.figures,
            out=snakemake.output.page,
        )
