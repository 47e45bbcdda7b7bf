"""Snakemake's own plan of a run, to compare with what the records say."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toffee.launch.adopt import ONLY_PLANNING
from toffee.runtime.errors import ToffeeError

TARGETS = ("all", "tables", "figures", "dreambooth", "site", "crate")
"""Targets that between them have every job of a scale."""

ZOO_TARGETS = ("zoo",)
ZOO_ROOT = "results/zoo"


@dataclass(frozen=True)
class Job:
    """A job of Snakemake's plan."""

    rule: str
    inputs: frozenset[str]
    outputs: tuple[str, ...]


def planned_jobs(project: Path, config: Mapping[str, Any], root: str) -> dict[str, Job]:
    """The jobs that the checkout's rules plan with a configuration, by each of their outputs.

    Args:
        project: the checkout.
        config: the configuration of the run.
        root: the results folder, as records write it.

    Raises:
        ToffeeError: Snakemake does not plan it.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        # All is forced, so that the plan does not depend on what is there.
        command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--nolock"]
        command += ["--cores", "1", "--configfile", file.name, "--"]
        command += ZOO_TARGETS if root == ZOO_ROOT else TARGETS
        # No profile of the auditor's counts, and nothing of the checkout's own results changes.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE_")}
        done = subprocess.run(
            command,
            cwd=project,
            env=environment | {ONLY_PLANNING: "1"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ToffeeError(f"Snakemake cannot plan the run: {lines[-1] if lines else 'no reason'}")
    plan = {path: job for job in parse_jobs(done.stdout + done.stderr) for path in job.outputs}
    if not plan:
        raise ToffeeError("Snakemake's dry run names no job")
    return plan


def parse_jobs(text: str) -> list[Job]:
    """The jobs that a dry run prints."""
    jobs = []
    for block in re.split(r"\n(?=\[|\n)", text):
        rule = re.search(r"^(?:local)?rule (\w+):$", block, re.M)
        if not rule:
            continue
        lines = {name: paths for name, paths in re.findall(r"^ +(\w+): (.*)$", block, re.M)}
        outputs = _paths(lines.get("output", ""))
        if outputs:
            inputs = frozenset(_paths(lines.get("input", "")))
            jobs.append(Job(rule[1], inputs, tuple(outputs)))
    return jobs


def _paths(line: str) -> list[str]:
    return [path for path in line.split(", ") if path]
