"""Adapter of rule `plot_cost`."""

from toffee.launch.job import job
from toffee.tables.cost import draw_cost

if __name__ == "__main__":
    with job(snakemake):
        draw_cost(
            table=snakemake.input.table,
            out=snakemake.output.figure,
        )
