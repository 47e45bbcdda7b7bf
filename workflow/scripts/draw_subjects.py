"""Adapter of rule `draw_subjects`."""

from toffee.launch.job import job
from toffee.synthesis.drawn_subjects import draw_subjects

if __name__ == "__main__":
    with job(snakemake):
        draw_subjects(
            classes=snakemake.input.classes,
            text_to_image=snakemake.input.text_to_image,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.folder,
            per_class=snakemake.params.per_class,
            subjects=snakemake.params.subjects,
            licence=snakemake.params.licence,
            resolution=snakemake.params.resolution,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
