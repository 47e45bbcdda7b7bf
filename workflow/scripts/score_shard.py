"""Adapter of rule `score_shard`."""

from toffee.launch.job import job
from toffee.synthesis.scores import score_shard

if __name__ == "__main__":
    with job(snakemake):
        score_shard(
            plan=snakemake.input.plan,
            subjects=snakemake.params.subjects_root,
            refined=snakemake.input.refined,
            views=snakemake.input.views,
            edits=snakemake.input.edits,
            subject_encoder=snakemake.input.subject_encoder,
            clip=snakemake.input.clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.shard,
            resolution=snakemake.params.resolution,
            batch=snakemake.params.batch,
            quality=snakemake.params.quality,
            code=snakemake.params.code,
        )
