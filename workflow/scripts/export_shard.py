"""Adapter of rule `export_shard`."""

from toffee.export.shard import export_shard
from toffee.launch.job import job
from toffee.synthesis.filter import THRESHOLDS

if __name__ == "__main__":
    with job(snakemake):
        export_shard(
            shard=snakemake.input.shard,
            thresholds={name: snakemake.params[name] for name in THRESHOLDS},
            model_licences=snakemake.params.model_licences,
            licences=snakemake.params.licences,
            out=snakemake.output.parquet,
            summary=snakemake.output.summary,
        )
