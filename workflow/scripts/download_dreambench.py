"""Adapter of rule `download_dreambench`."""

from toffee.download.dreambench import download_dreambench
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        download_dreambench(
            url=snakemake.params.url,
            revision=snakemake.params.revision,
            sha256=snakemake.params.sha256,
            out=snakemake.output.folder,
        )
