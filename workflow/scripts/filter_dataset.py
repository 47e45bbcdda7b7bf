"""Adapter of rule `filter_dataset`."""

from toffee.launch.job import job
from toffee.synthesis.filter import filter_dataset

if __name__ == "__main__":
    with job(snakemake):
        filter_dataset(
            shards=snakemake.input.shards,
            out=snakemake.output.index,
            funnel=snakemake.output.funnel,
            min_subject_similarity=snakemake.params.min_subject_similarity,
            min_text_alignment=snakemake.params.min_text_alignment,
            max_copy_rate=snakemake.params.max_copy_rate,
            min_mask_area=snakemake.params.min_mask_area,
            max_mask_area=snakemake.params.max_mask_area,
            min_mask_connectedness=snakemake.params.min_mask_connectedness,
        )
