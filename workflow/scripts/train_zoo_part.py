"""Adapter of rule `train_zoo_part`."""

from pathlib import Path

from toffee.launch.job import job
from toffee_zoo.recipes import train_part

if __name__ == "__main__":
    with job(snakemake):
        train_part(
            part=snakemake.wildcards.part,
            renders=Path(snakemake.input.renders),
            out=Path(snakemake.output.model),
            needs={Path(folder).name: Path(folder) for folder in snakemake.input.needs},
        )
