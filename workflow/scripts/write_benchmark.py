"""Adapter of rule `write_benchmark`."""

from toffee.job import job
from toffee.world.write import write_benchmark

if __name__ == "__main__":
    with job(snakemake):
        write_benchmark(
            root=snakemake.output.folder,
            subjects=snakemake.params.subjects,
            size=snakemake.params.resolution,
            seed=snakemake.params.seed,
        )
