"""Adapter of rule `write_subjects`."""

from toffee.job import job
from toffee.world.write import write_subjects

if __name__ == "__main__":
    with job(snakemake):
        write_subjects(
            root=snakemake.output.folder,
            count=snakemake.params.subjects,
            size=snakemake.params.resolution,
            seed=snakemake.params.seed,
        )
