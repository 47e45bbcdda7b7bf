"""One run on the cluster that everything goes wrong in, against an undisturbed run without a cluster."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .cluster import Cluster, slurm, wait_for
from .conftest import RESULTS, TARGETS, Run, checkout, jobs, running_script, script_of


@dataclass
class Survivor:
    """The disturbed run, and what was done to it.

    Attributes:
        hit: fault → SLURM's number of the job that it hit.
        memory: SLURM's number → what the job was given, as SLURM says it.
    """

    run: Run
    hit: dict[str, str] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)

    def record(self, output: str) -> dict:
        path = self.run.results / "records" / f"{output}.json"
        return json.loads(path.read_text())


def journal_grows(run: Run, path: str, seconds: float = 60) -> None:
    """Wait until a stage has committed a batch."""
    journal = run.results / f"{path}.partial"
    wait_for(lambda: journal.is_file() and journal.stat().st_size > 2000, seconds, 0.02)


def kill(rule: str, shard: str = "") -> str:
    """kill -9 of a rule's script; the job that it ran in."""

    def found():
        for job in [*jobs(rule), *jobs("shard")]:
            process = script_of(job, rule)
            if process and shard in slurm("squeue", "--noheader", "--format=%k", f"--jobs={job}"):
                return job, process
        return None

    job, process = wait_for(found, 180, 0.05)
    process.kill()
    return job


@pytest.fixture(scope="module")
def survivor(cluster: Cluster, tmp_path_factory) -> Survivor:
    run = checkout(tmp_path_factory.mktemp("survivor") / "project")
    survivor = Survivor(run)
    snakemake = run.start("slurm", "--", *TARGETS)
    try:
        # A training loses its process, after some steps of it.
        _, training = running_script("pretrain_refiner", 240)
        checkpoint = run.results / "models" / "refiner.partial"
        wait_for(lambda: any(checkpoint.glob("checkpoint*")), 120, 0.02)
        training.kill()
        # A shard is cancelled in the middle of a step.
        journal_grows(run, "dataset/stages/initial/00000.h5", 240)
        survivor.hit["scancel"], _ = running_script("draw_initial")
        slurm("scancel", survivor.hit["scancel"])
        # The other shard runs out of memory twice: the kernel kills it.
        for attempt in (1, 2):
            survivor.hit[f"memory {attempt}"] = kill("refine_shard", "00001")
        # Snakemake itself is killed, jobs of its run on.
        snakemake.kill()
        snakemake.wait()
        snakemake = run.start("slurm", "--", *TARGETS)
        # A node goes down under ToffeeNet's training and comes back.
        job, _ = running_script("train_toffeenet", 300)
        node = slurm("squeue", "--noheader", "--format=%N", f"--jobs={job}")
        slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        survivor.hit["node"] = job
        time.sleep(3)
        slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
        # The controller restarts while jobs run.
        running_script("generate_benchmark", 300)
        cluster.stop("slurmctld")
        time.sleep(2)
        cluster.start("slurmctld")
        assert snakemake.wait(600) == 0, run.said("slurm")[-6000:]
    finally:
        if snakemake.poll() is None:
            snakemake.kill()
    return survivor
