"""Adapter of rule `audit`, which makes nothing: it fails where something is found."""

from toffee.audit.run import require_clean
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        require_clean(folder=snakemake.params.results)
