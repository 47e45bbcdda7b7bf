"""Adapter of rule `export_dataset`."""

from toffee.job import job
from toffee.synthesis.export import export_dataset

if __name__ == "__main__":
    with job(snakemake):
        export_dataset(
            shards=snakemake.input.shards,
            index=snakemake.input.index,
            out=snakemake.output.hub,
            name=f"toffee-{snakemake.params.scale}",
        )
