"""Adapter of rule `write_verdict`."""

from toffee.audit.run import write_verdict
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        write_verdict(
            folder=snakemake.params.results,
            targets=snakemake.input,
            out=snakemake.output.verdict,
        )
