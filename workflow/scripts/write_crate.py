"""Adapter of rule `write_crate`."""

from pathlib import Path

from toffee.launch.job import job
from toffee.provenance.crate import write_crate

if __name__ == "__main__":
    with job(snakemake):
        write_crate(
            results=Path(snakemake.params.results),
            out=Path(snakemake.output.metadata),
            source=Path(snakemake.output.source),
            targets=snakemake.input,
        )
