"""Adapter of rule `tabulate_dreambench`."""

from toffee.launch.job import job
from toffee.tables.tabulate import tabulate_dreambench

if __name__ == "__main__":
    with job(snakemake):
        tabulate_dreambench(
            scores=snakemake.input.scores,
            oracle=snakemake.input.oracle,
            published=snakemake.input.published,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            source=snakemake.params.source,
            resolution=snakemake.params.resolution,
            encoders=snakemake.params.encoders,
            gate={
                "dino": snakemake.params.oracle_dino,
                "clip_i": snakemake.params.oracle_clip_i,
                "tolerance": snakemake.params.oracle_tolerance,
            },
        )
