"""Adapter of rule `draw_zoo_renders`."""

from pathlib import Path

from toffee.launch.job import job
from toffee_zoo.recipes import RENDERS
from toffee_zoo.renders import draw_renders

if __name__ == "__main__":
    with job(snakemake):
        draw_renders(out=Path(snakemake.output.renders), **RENDERS)
