"""Adapter of rule `write_heldout`."""

from toffee.data.world.write import write_multiview
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        write_multiview(
            root=snakemake.output.folder,
            sequences=snakemake.params.sequences,
            views=snakemake.params.views,
            split="heldout",
            size=snakemake.params.resolution,
            seed=snakemake.params.seed,
        )
