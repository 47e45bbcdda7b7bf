"""Adapter of rule `import_multiview`."""

from toffee.job import job
from toffee.sources.views import KEYS, import_multiview

if __name__ == "__main__":
    with job(snakemake):
        import_multiview(
            source={key: snakemake.params[key] for key in KEYS[snakemake.params["kind"]]},
            heldout=False,
            out=snakemake.output.folder,
            resolution=snakemake.params.resolution,
            views=snakemake.params.views,
            sequences=snakemake.params.sequences,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            code=snakemake.params.code,
        )
