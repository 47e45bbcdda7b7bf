"""Adapter of rule `write_site`."""

from toffee.launch.job import job
from toffee.site.write import write_site

if __name__ == "__main__":
    with job(snakemake):
        write_site(
            results=snakemake.params.results,
            tables=snakemake.input.tables,
            figures=snakemake.input.figures,
            shards=snakemake.input.shards,
            index=snakemake.input.index,
            ledger=snakemake.input.ledger,
            audit=snakemake.input.verdict,
            out=snakemake.output.site,
            captions=snakemake.input.captions,
            source=snakemake.params.source,
            resolution=snakemake.params.resolution,
        )
