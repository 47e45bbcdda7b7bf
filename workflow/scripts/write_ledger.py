"""Adapter of rule `write_ledger`."""

from toffee.launch.job import job
from toffee.tables.ledger import write_ledger

if __name__ == "__main__":
    with job(snakemake):
        write_ledger(
            results=snakemake.params.results,
            index=snakemake.input.index,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
        )
