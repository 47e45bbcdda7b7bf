"""Adapter of rule `export_pipeline`."""

from toffee.export.pipeline import export_pipeline
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        export_pipeline(
            toffeenet=snakemake.input.toffeenet,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            out=snakemake.output.pipeline,
            name=f"toffeenet-{snakemake.params.scale}",
            resolution=snakemake.params.resolution,
            subject_scale=snakemake.params.subject_scale,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            models=snakemake.params.models,
            model_licences=snakemake.params.model_licences,
        )
