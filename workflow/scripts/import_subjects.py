"""Adapter of rule `import_subjects`."""

from toffee.data.importers.subjects import KEYS, import_subjects
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        import_subjects(
            source={key: snakemake.params[key] for key in KEYS[snakemake.params["kind"]]},
            out=snakemake.output.folder,
            resolution=snakemake.params.resolution,
            subjects=snakemake.params.subjects,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            code=snakemake.params.code,
        )
