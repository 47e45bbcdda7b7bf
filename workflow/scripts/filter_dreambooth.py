"""Adapter of rule `filter_dreambooth`."""

from toffee.evaluation.score.dreambooth import filter_dreambooth
from toffee.launch.job import job
from toffee.synthesis.filter import THRESHOLDS

if __name__ == "__main__":
    with job(snakemake):
        filter_dreambooth(
            images=snakemake.input.images,
            benchmark=snakemake.input.benchmark,
            references=snakemake.input.references,
            subject_encoder=snakemake.input.subject_encoder,
            clip=snakemake.input.clip,
            segmenter=snakemake.input.segmenter,
            detector=snakemake.input.detector or None,
            out=snakemake.output.accepted,
            thresholds={name: snakemake.params[name] for name in THRESHOLDS},
            batch=snakemake.params.batch,
        )
