"""Adapter of rule `assemble_zoo`."""

from toffee.job import job
from toffee.zoo.assemble import assemble_zoo

if __name__ == "__main__":
    with job(snakemake):
        assemble_zoo(parts=snakemake.input.parts, out=snakemake.output.zoo)
