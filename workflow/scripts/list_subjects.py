"""Adapter of rule `list_subjects`."""

from toffee.launch.job import job
from toffee.synthesis.listing import list_subjects

if __name__ == "__main__":
    with job(snakemake):
        list_subjects(
            subjects=snakemake.input.subjects,
            multiview=snakemake.input.multiview,
            out=snakemake.output.subjects,
            donors=snakemake.output.donors,
            quarantine=snakemake.output.quarantine,
        )
