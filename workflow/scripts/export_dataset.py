"""Adapter of rule `export_dataset`."""

from toffee.export.dataset import export_dataset
from toffee.launch.job import job
from toffee.synthesis.filter import THRESHOLDS

if __name__ == "__main__":
    with job(snakemake):
        export_dataset(
            parquet=snakemake.input.parquet,
            summaries=snakemake.input.summaries,
            funnel=snakemake.input.funnel,
            out=snakemake.output.hub,
            name=f"toffee-{snakemake.params.scale}",
            subjects=snakemake.params.subjects,
            views=snakemake.params.views,
            resolution=snakemake.params.resolution,
            seed=snakemake.params.seed,
            models=snakemake.params.models,
            model_licences=snakemake.params.model_licences,
            thresholds={name: snakemake.params[name] for name in THRESHOLDS},
            licences=snakemake.params.licences,
        )
