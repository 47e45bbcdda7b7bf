"""Adapter of rule `import_heldout`."""

from toffee.data.importers.views import KEYS, import_multiview
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        import_multiview(
            source={key: snakemake.params[key] for key in KEYS[snakemake.params["kind"]]},
            heldout=True,
            out=snakemake.output.folder,
            resolution=snakemake.params.resolution,
            views=snakemake.params.views,
            sequences=snakemake.params.sequences,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            code=snakemake.params.code,
        )
