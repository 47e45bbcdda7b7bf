"""Adapter of rule `plan_shard`."""

from toffee.config.sections import KINDS
from toffee.launch.job import job
from toffee.synthesis.plan import plan_shard

if __name__ == "__main__":
    with job(snakemake):
        plan_shard(
            subjects=snakemake.input.subjects,
            donors=snakemake.input.donors,
            prompts=snakemake.input.prompts,
            subjects_root=snakemake.params.subjects_root,
            multiview_root=snakemake.params.multiview_root,
            out=snakemake.output.plan,
            shard=snakemake.wildcards.shard,
            samples_per_shard=snakemake.params.samples_per_shard,
            kinds={kind: snakemake.params[kind] for kind in KINDS},
            seed=snakemake.params.seed,
        )
