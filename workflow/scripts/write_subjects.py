"""Adapter of rule `write_subjects`."""

from toffee.data.world.write import write_subjects
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        write_subjects(
            root=snakemake.output.folder,
            count=snakemake.params.subjects,
            size=snakemake.params.resolution,
            seed=snakemake.params.seed,
        )
