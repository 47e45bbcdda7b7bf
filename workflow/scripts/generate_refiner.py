"""Adapter of rule `generate_refiner`."""

from toffee.evaluation.draw.refiner import generate_refiner
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        generate_refiner(
            multiview_heldout=snakemake.input.multiview_heldout,
            prompts=snakemake.input.prompts,
            text_to_image=snakemake.input.text_to_image,
            controlnet_depth=snakemake.input.controlnet_depth,
            depth_estimator=snakemake.input.depth_estimator,
            refiner=snakemake.input.refiner,
            subject_encoder=snakemake.input.subject_encoder,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.images,
            resolution=snakemake.params.resolution,
            subjects=snakemake.params.subjects,
            matching=snakemake.params.matching,
            match_threshold=snakemake.params.match_threshold,
            position_weight=snakemake.params.position_weight,
            strength=snakemake.params.strength,
            keep_background=snakemake.params.keep_background,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            base_steps=snakemake.params.base_steps,
            base_guidance=snakemake.params.base_guidance,
            control_scale=snakemake.params.control_scale,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
        )
