"""Adapter of rule `download_model`.

The section `models` of the configuration is no param: it says where the bytes are to be had and
where their digests are kept, and neither makes another model.
"""

from toffee.download.fetch import remove_work
from toffee.download.model import download_role
from toffee.launch.job import job

if __name__ == "__main__":
    with job(snakemake):
        download_role(
            role=snakemake.wildcards.role,
            out=snakemake.output.model,
            source=snakemake.params.source,
            zoo=snakemake.params.zoo,
            models=snakemake.config["models"],
        )
    remove_work(snakemake.output.model)
