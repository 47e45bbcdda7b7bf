"""Adapter of rule `plan_samples`."""

from toffee.job import job
from toffee.synthesis.plan import plan_samples

if __name__ == "__main__":
    with job(snakemake):
        plan_samples(
            subjects=snakemake.input.subjects,
            multiview=snakemake.input.multiview,
            prompts=snakemake.input.prompts,
            out=snakemake.output.plan,
            quarantine=snakemake.output.quarantine,
            shards=snakemake.params.shards,
            samples_per_shard=snakemake.params.samples_per_shard,
            kinds=snakemake.params.kinds,
            seed=snakemake.params.seed,
        )
