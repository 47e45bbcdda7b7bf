"""Adapter of rule `write_benchmark`."""

from toffee.data.world.write import write_benchmark
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        write_benchmark(
            root=snakemake.output.folder,
            subjects=snakemake.params.subjects,
            size=snakemake.params.resolution,
            seed=snakemake.params.seed,
        )
