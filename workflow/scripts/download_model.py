"""Adapter of rule `download_model`."""

from toffee.job import job
from toffee.models.download import download_model

if __name__ == "__main__":
    with job(snakemake):
        download_model(
            role=snakemake.wildcards.role,
            out=snakemake.output.model,
            source=snakemake.params.source,
            zoo=snakemake.params.zoo,
            lock=snakemake.params.lock,
        )
