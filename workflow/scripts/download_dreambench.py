"""Adapter of rule `download_dreambench`."""

from toffee.data.fetch_dreambench import download_dreambench
from toffee.job import job

if __name__ == "__main__":
    with job(snakemake):
        download_dreambench(
            url=snakemake.params.url,
            revision=snakemake.params.revision,
            sha256=snakemake.params.sha256,
            out=snakemake.output.folder,
        )
