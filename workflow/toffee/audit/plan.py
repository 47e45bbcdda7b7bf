"""A check of tier graph: the jobs of the records are those that Snakemake plans."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toffee.audit.findings import Finding
from toffee.launch.adopt import ONLY_PLANNING
from toffee.launch.dag import Job, planned_jobs
from toffee.provenance.record import files_of
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError

TIER = "graph"

TARGETS = ("all", "tables", "figures", "dreambooth", "site", "crate")
"""Targets that between them have every job of a scale."""

ZOO_TARGETS = ("zoo",)
ZOO_ROOT = "results/zoo"


def check_plan(results: Results) -> Iterator[Finding]:
    """The jobs and their inputs are those that the checkout's rules plan with the same values."""
    plans: dict[str, dict[str, Job] | None] = {}
    for name, record in results.records.items():
        if record.config not in plans:
            try:
                config = results.config(record)
                plans[record.config] = jobs_by_output(results.project, config, results.root)
            except ToffeeError as error:
                plans[record.config] = None
                path = f"records/config/{record.config}.json"
                yield Finding(TIER, path, "a configuration that Snakemake plans", str(error))
        plan = plans[record.config]
        if plan is not None:
            yield from _compare_with_plan(name, record, plan)
    if not results.whole:
        return
    # Only the plan of the newest run says what else should be there.
    newest = next((plans[r.config] for r in reversed(results.records.values())), None)
    for path, job in (newest or {}).items():
        if path not in results.producers and results.place(path).exists():
            found = "none in records/"
            yield Finding(TIER, path, f"a record, since rule {job.rule} makes it", found)


def jobs_by_output(project: Path, config: Mapping[str, Any], root: str) -> dict[str, Job]:
    """The jobs that the checkout's rules plan with a configuration, by each of their outputs.

    Args:
        project: the checkout.
        config: the configuration of the run.
        root: the results folder, as records write it.

    Raises:
        ToffeeError: Snakemake does not plan it.
    """
    # Without the auditor's own profile, and without changes to the checkout's own results.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE_")}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        # All jobs are forced: the plan must not depend on which files are there.
        arguments = ["--forceall", "--configfile", file.name, "--"]
        arguments += ZOO_TARGETS if root == ZOO_ROOT else TARGETS
        _, jobs = planned_jobs(arguments, project, environment | {ONLY_PLANNING: "1"})
    return {path: job for job in jobs for path in files_of(job.output)}


def _compare_with_plan(name: str, record: Record, plan: Mapping[str, Job]) -> Iterator[Finding]:
    file = f"records/{name}"
    first = next(iter(record.outputs))
    job = plan.get(first)
    if job is None:
        found = f"{first}, which no rule makes with its configuration"
        yield Finding(TIER, file, "an output of the checkout's rules", found)
        return
    if job.rule != record.rule:
        yield Finding(TIER, file, f"rule {job.rule}, as Snakemake plans it", f"rule {record.rule}")
    outputs = files_of(job.output)
    if set(outputs) != set(record.outputs):
        yield Finding(TIER, file, f"the outputs {', '.join(outputs)}", ", ".join(record.outputs))
    inputs, read = set(files_of(job.input)), set(record.inputs)
    declared = set(files_of(record.input))
    for path in sorted(inputs - (read & declared)):
        yield Finding(TIER, file, f"the input {path}, which Snakemake plans", "none such")
    for path in sorted((read | declared) - inputs):
        yield Finding(TIER, file, "only inputs that Snakemake plans", f"{path} too")
