"""Adapter of rule `tabulate_segmentation`."""

from toffee.launch.job import job
from toffee.tables.ablations import tabulate_segmentation

if __name__ == "__main__":
    with job(snakemake):
        tabulate_segmentation(
            scores=snakemake.input.scores,
            segmented=snakemake.params.segmented,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
            encoders=snakemake.params.encoders,
        )
