"""Adapter of rule `make_editing_pairs`."""

from toffee.evaluation.draw.edits import make_editing_pairs
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        make_editing_pairs(
            refiner_images=snakemake.input.refiner_images,
            matching=snakemake.params.matching,
            multiview_heldout=snakemake.input.multiview_heldout,
            prompts=snakemake.input.prompts,
            text_to_image=snakemake.input.text_to_image,
            controlnet_depth=snakemake.input.controlnet_depth,
            depth_estimator=snakemake.input.depth_estimator,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.pairs,
            resolution=snakemake.params.resolution,
            subjects=snakemake.params.subjects,
            edit_strength=snakemake.params.edit_strength,
            sampler_steps=snakemake.params.sampler_steps,
            guidance=snakemake.params.guidance,
            control_scale=snakemake.params.control_scale,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            seed=snakemake.params.seed,
        )
