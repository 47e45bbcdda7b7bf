"""Adapter of rule `write_verdict`."""

from toffee.audit.findings import write_verdict
from toffee.audit.run import audit
from toffee.job import job

if __name__ == "__main__":
    with job(snakemake):
        findings = audit(snakemake.params.results, targets=snakemake.input)
        write_verdict(findings, snakemake.output.verdict)
