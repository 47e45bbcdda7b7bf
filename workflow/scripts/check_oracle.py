"""Adapter of rule `check_oracle`."""

from toffee.evaluation.oracle import check_oracle
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        check_oracle(
            scores=snakemake.input.scores,
            out=snakemake.output.verdict,
            dino=snakemake.params.dino,
            clip_i=snakemake.params.clip_i,
            tolerance=snakemake.params.tolerance,
        )
