"""Adapter of rule `assemble_zoo`."""

from toffee.launch.job import job
from toffee_zoo.assemble import assemble_zoo

if __name__ == "__main__":
    with job(snakemake):
        assemble_zoo(parts=snakemake.input.parts, out=snakemake.output.zoo)
