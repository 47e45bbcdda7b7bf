"""Adapter of rule `tabulate_cost`."""

from toffee.launch.job import job
from toffee.tables.cost import tabulate_cost

if __name__ == "__main__":
    with job(snakemake):
        tabulate_cost(
            stages={name: snakemake.input[name] for name in snakemake.params.stages},
            pretraining={
                "Refiner": snakemake.input.refiner,
                "View Generator": snakemake.input.view_generator,
            },
            index=snakemake.input.index,
            plan=snakemake.input.plan,
            seconds=snakemake.input.seconds,
            accepted=snakemake.input.accepted,
            published=snakemake.input.published,
            csv_out=snakemake.output.csv,
            markdown_out=snakemake.output.markdown,
        )
