"""Adapter of rule `write_world`."""

from toffee.job import job
from toffee.world.write import write_world

if __name__ == "__main__":
    with job(snakemake):
        write_world(
            subjects_out=snakemake.output.subjects,
            multiview_out=snakemake.output.multiview,
            multiview_heldout_out=snakemake.output.multiview_heldout,
            benchmark_out=snakemake.output.benchmark,
            subjects=snakemake.params.subjects,
            sequences=snakemake.params.sequences,
            views=snakemake.params.views,
            heldout_sequences=snakemake.params.heldout_sequences,
            benchmark_subjects=snakemake.params.benchmark_subjects,
            resolution=snakemake.params.resolution,
            seed=snakemake.params.seed,
        )
