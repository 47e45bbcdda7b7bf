"""A run on the cluster in which everything goes wrong, against an undisturbed one without it."""

import json
import time
from dataclasses import dataclass, field

import pytest

from .cluster import Cluster, slurm, wait_for
from .conftest import TARGETS, Run, checkout, running_script


@dataclass
class Survivor:
    """The disturbed run, and what was done to it.

    Attributes:
        hit: fault → SLURM's number of the job that it hit.
        asked: attempt → what SLURM says of the job of the shard that runs out of memory.
    """

    run: Run
    hit: dict[str, str] = field(default_factory=dict)
    asked: dict[int, dict[str, str]] = field(default_factory=dict)

    def record(self, output: str) -> dict:
        path = self.run.results / "records" / f"{output}.json"
        return json.loads(path.read_text())


def asked(job: str) -> dict[str, str]:
    """What SLURM says of a job, by key."""
    words = slurm("scontrol", "show", "job", job).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


@pytest.fixture(scope="module")
def survivor(cluster: Cluster, tmp_path_factory) -> Survivor:
    run = checkout(tmp_path_factory.mktemp("survivor") / "project")
    survivor = Survivor(run)
    snakemake = run.start("slurm", "--", *TARGETS)
    try:
        # A training loses its process when it has made some steps.
        survivor.hit["training"], training = running_script("pretrain_refiner")
        work = run.results / "models" / "refiner.partial"
        wait_for(lambda: any(work.glob("checkpoint*")), 120, 0.02)
        training.kill()
        # A shard is cancelled when it has drawn a batch.
        survivor.hit["scancel"], _ = running_script("draw_initial", "00000")
        journal = run.results / "dataset" / "stages" / "initial" / "00000.h5.partial"
        wait_for(lambda: journal.is_file() and journal.stat().st_size > 2000, 60, 0.02)
        slurm("scancel", survivor.hit["scancel"])
        # The other shard runs out of memory twice: the kernel kills it.
        for attempt in (1, 2):
            job, script = running_script("refine_shard", "00001")
            script.kill()
            survivor.hit[f"memory {attempt}"] = job
            survivor.asked[attempt] = asked(job)
        job, _ = running_script("refine_shard", "00001")
        survivor.asked[3] = asked(job)
        # Snakemake itself is killed, its jobs run on.
        snakemake.kill()
        snakemake.wait()
        snakemake = run.start("slurm", "--", *TARGETS)
        # A node goes down under ToffeeNet's training and comes back.
        survivor.hit["node"], _ = running_script("train_toffeenet")
        node = asked(survivor.hit["node"])["NodeList"]
        slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        time.sleep(3)
        slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
        # The controller is away for a while.
        running_script("generate_benchmark")
        cluster.stop("slurmctld")
        time.sleep(2)
        cluster.start("slurmctld")
        assert snakemake.wait(600) == 0, run.said("slurm")[-6000:]
    finally:
        if snakemake.poll() is None:
            snakemake.kill()
    return survivor


def test_it(survivor):
    print(survivor.hit)
