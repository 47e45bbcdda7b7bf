"""Adapter of rule `refine_shard`."""

from toffee.launch.job import job
from toffee.synthesis.refined import refine_shard

if __name__ == "__main__":
    with job(snakemake):
        refine_shard(
            plan=snakemake.input.plan,
            subjects=snakemake.params.subjects_root,
            initial=snakemake.input.initial,
            refiner=snakemake.input.refiner,
            text_to_image=snakemake.input.text_to_image,
            subject_encoder=snakemake.input.subject_encoder,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            matching=snakemake.params.matching,
            match_threshold=snakemake.params.match_threshold,
            position_weight=snakemake.params.position_weight,
            strength=snakemake.params.strength,
            keep_background=snakemake.params.keep_background,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
            code=snakemake.params.code,
        )
