"""What reaches SLURM, a job that no retry helps, and a run in which everything goes wrong.

In one file, which one process runs: there is one cluster.
"""

import json
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
import pytest
import yaml
from closeness import learned_alike
from fork_server import ForkServer
from safetensors.torch import load_file

from .cluster import NODES, PATIENCE, URGENT, Cluster, asked, slurm, wait_for
from .conftest import RESULTS, ROOT, Run, log_of, processes_of, running_script

MODEL = f"{RESULTS}/models/view_generator"
WEIGHTS = "models/view_generator/diffusion_pytorch_model.safetensors"
BASE = "models/text_to_image/unet/diffusion_pytorch_model.safetensors"
DISTURBED = (f"{RESULTS}/evaluation/dreambench/toffeenet/0.parquet",)
"""What the disturbed run makes: whatever it takes to a trained and judged ToffeeNet."""
QUIET = ("--output=/dev/null", "--wrap=sleep 1")


@pytest.fixture
def again(local, tmp_path) -> Run:
    """The finished run of `local`, free to be changed."""
    return copied(local, tmp_path / "project")


def copied(run: Run, folder: Path) -> Run:
    shutil.copytree(run.folder, folder, symlinks=True)
    return Run(folder)


def train(
    run: Run, forks: ForkServer, **resources: int | str
) -> tuple[dict[str, str], set[str], str]:
    """Train the View Generator again on the cluster, with a site's own resources.

    Returns:
        What SLURM says of the job, the nodes that its two processes ran on, and the number of it.
    """
    site = {"set-resources": {"pretrain_view_generator": resources}}
    (run.folder / "profiles" / "slurm" / "site.yaml").write_text(yaml.safe_dump(site))
    snakemake = run.start("slurm", "--forcerun", "pretrain_view_generator", "--", MODEL)
    try:
        workers = wait_for(partial(two_workers, forks))
        (job,) = {worker["SLURM_JOB_ID"] for worker in workers}
        said = asked(job)
        assert snakemake.wait(PATIENCE) == 0, run.said("slurm")[-6000:]
    finally:
        run.end(snakemake)
    return said, {worker["SLURMD_NODENAME"] for worker in workers}, job


def two_workers(forks: ForkServer) -> list[dict[str, str]]:
    """The environments of a training's two processes in the cluster; none until both are there."""
    worker = "toffee.training.worker"
    found = [one["environment"] for one in forks.running().values() if worker in one["arguments"]]
    if not found:  # interpreters: beside forks they are those that asked for them
        for process in processes_of(worker.encode()):
            with suppress(psutil.Error):
                found.append(process.environ())
    found = [one for one in found if "SLURM_JOB_ID" in one]
    return found if len(found) == 2 else []


def assert_same_model(run: Run, local: Run) -> None:
    """The weights are those of one process but for rounding, which forty steps amplify."""
    found, expected = (load_file(one.results / WEIGHTS) for one in (run, local))
    base = load_file(local.results / BASE)
    start = {name: value.float() for name, value in base.items() if name in expected}
    start = {name: value for name, value in start.items() if value.shape == expected[name].shape}
    assert learned_alike(found, expected, start, 0.05)


def test_gpus_reach_sbatch_and_a_training_has_a_process_for_each(
    cluster, again, local, forks, monkeypatch
):
    again.python = forks.python
    monkeypatch.setenv("PYTHON_EXEC", forks.python)  # of what torchrun starts
    said, nodes, job = train(again, forks, gpu=2)
    assert said["TresPerJob"] == "gres:gpu:2"
    assert len(nodes) == 1
    assert_same_model(again, local)


def test_a_training_on_two_nodes(cluster, again, local, forks):
    said, nodes, _ = train(again, forks, nodes=2, tasks=2, mpi="srun", processes=2)
    assert said["NumNodes"] == "2" and nodes == set(NODES)
    assert_same_model(again, local)


def test_a_shard_that_fails_for_ever_stops_only_what_depends_on_it(cluster, again, forks):
    again.python = forks.python
    dataset = again.results / "dataset"
    shutil.rmtree(dataset / "shards")
    for stage in ("refined", "edits"):
        shutil.rmtree(dataset / "stages" / stage)
    (again.results / "tables" / "refiner.csv").unlink()
    initial = (
        dataset / "stages" / "initial" / "00001.h5"
    )  # which only the refining of this shard reads
    times = initial.stat()
    initial.write_bytes(b"no HDF5")
    os.utime(initial, ns=(times.st_atime_ns, times.st_mtime_ns))
    index = dataset / "index.parquet"
    index.unlink()

    targets = (f"{RESULTS}/dataset/index.parquet", f"{RESULTS}/tables/refiner.csv")
    said = again.run("slurm", "--", *targets, status=1)
    assert (dataset / "shards" / "00000.h5").is_file()
    assert (again.results / "tables" / "refiner.csv").is_file()
    assert not (dataset / "shards" / "00001.h5").exists()
    assert not index.exists()
    told = said[said.index("failed:") :]
    assert f"({RESULTS}/logs/refine_shard/00001.log)" in told
    assert "refine_shard 00001, 3 attempts" in told
    assert "error: refine_shard 00001:" in told and "dataset/stages/initial/00001.h5" in told


@dataclass
class Survivor:
    """The disturbed run, and what was done to it.

    Attributes:
        hit: fault → SLURM's number of the job that it hit.
        lost: log of the job that lost its node.
        asked: attempt → what SLURM says of the job of the shard that runs out of memory.
    """

    run: Run
    hit: dict[str, str] = field(default_factory=dict)
    lost: str = ""
    asked: dict[int, dict[str, str]] = field(default_factory=dict)

    def record(self, output: str) -> dict:
        path = self.run.results / "records" / f"{output}.json"
        return json.loads(path.read_text())


def has_begun(run: Run, log: str) -> bool:
    """Whether the job that writes a log has left its mark beside the records."""
    for path in run.results.glob("records/**/*.started"):
        with suppress(FileNotFoundError):  # another job has just ended
            if log.endswith(json.loads(path.read_text())["log"]):
                return True
    return False


def forget(run: Run) -> None:
    """Leave of a finished run the world and the base models alone."""
    kept = {path.name for path in (ROOT / "workflow" / "zoo").iterdir()}
    for folder in (run.results, run.results / "records"):
        for made in ("dataset", "evaluation", "tables"):
            shutil.rmtree(folder / made)
        for path in (folder / "models").iterdir():
            if path.name.removesuffix(".json") not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def run_out_of_memory(forks: ForkServer, survivor: Survivor) -> None:
    """A shard runs out of memory: the kernel kills it."""
    job, script = running_script(forks, "refine_shard", "00001")
    survivor.asked[1] = asked(job)
    script.kill()
    script.wait(PATIENCE)
    job, _ = running_script(forks, "refine_shard", "00001")
    survivor.asked[2] = asked(job)


@pytest.fixture(scope="module")
def survivor(cluster: Cluster, forks: ForkServer, local: Run, tmp_path_factory) -> Survivor:
    """Snakemake and its jobs are forks: 20 jobs of three Pythons each would mostly import."""
    run = copied(local, tmp_path_factory.mktemp("survivor") / "project")
    run.python = forks.python
    forget(run)
    survivor = Survivor(run)
    # Beside the other faults: the two shards run side by side, and neither waits for the other.
    memory = ThreadPoolExecutor(1).submit(run_out_of_memory, forks, survivor)
    snakemake = run.start("slurm", "--", *DISTURBED)
    try:
        # A training loses its process when it has made some steps.
        survivor.hit["training"], training = running_script(forks, "pretrain_refiner")
        work = run.results / "models" / "refiner.partial"
        wait_for(lambda: any(work.glob("checkpoint*")), pause=0.02)
        training.kill()
        # A shard is cancelled when it has drawn a batch.
        survivor.hit["scancel"], _ = running_script(forks, "draw_initial", "00000")
        journal = run.results / "dataset" / "stages" / "initial" / "00000.h5.partial"
        wait_for(lambda: journal.is_file() and journal.stat().st_size > 2000, pause=0.02)
        slurm("scancel", survivor.hit["scancel"])
        memory.result()
        # Snakemake itself is killed, its jobs run on.
        snakemake.kill()
        snakemake.wait()
        snakemake = run.start("slurm", "--", *DISTURBED)
        # Somebody else's urgent job preempts ToffeeNet's training, and all else that runs.
        running_script(forks, "train_toffeenet")
        work = run.results / "models" / "toffeenet.partial"
        wait_for(lambda: any(work.glob("checkpoint*")), pause=0.02)
        slurm("sbatch", f"--partition={URGENT}", "--nodes=2", "--exclusive", *QUIET)
        # A node goes down under a job and comes back.
        job, script = running_script(forks, "generate_benchmark")
        survivor.lost = log_of(script)
        wait_for(lambda: has_begun(run, survivor.lost))
        node = asked(job)["NodeList"]
        slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        time.sleep(3)
        cluster.resume(node)
        # The controller is away for a while.
        running_script(forks, "score_dreambench")
        cluster.stop("slurmctld")
        time.sleep(2)
        cluster.start("slurmctld")
        assert snakemake.wait(2 * PATIENCE) == 0, run.said("slurm")[-6000:]
    finally:
        run.end(snakemake)
    return survivor


def test_the_digests_are_those_of_the_undisturbed_run(survivor, local):
    found, expected = survivor.run.digests(), local.digests()
    made = (
        "dataset/shards/00001.h5",
        WEIGHTS,
        "models/toffeenet",
        "evaluation/dreambench/toffeenet",
    )
    assert all(any(name.startswith(one) for name in found) for one in made)
    assert found == {name: digest for name, digest in expected.items() if name in found}


def test_nothing_is_left_to_do_and_nothing_lies_about(survivor):
    said = survivor.run.run("slurm", "--", *DISTURBED)
    assert said.rstrip().splitlines()[-1].startswith("Nothing to be done")
    left = [p for p in survivor.run.results.rglob("*") if ".partial" in p.name or ".tmp" in p.name]
    assert not left
    assert not list(survivor.run.results.rglob("*.started"))


def test_a_training_that_was_killed_went_on_from_its_checkpoint(survivor):
    record = survivor.record("models/refiner")
    assert record["attempt"] == 2
    assert survivor.hit["training"] != record["slurm_job_id"]
    log = (survivor.run.folder / record["log"]).read_text()
    assert int(re.search(r"goes on from step (\d+) of 40", log)[1]) >= 5


def test_a_cancelled_shard_went_on_behind_its_last_batch(survivor):
    record = survivor.record("dataset/stages/initial/00000.h5")
    assert record["attempt"] >= 2 and record["slurm_job_id"] != survivor.hit["scancel"]
    # It stopped by itself: it had the time to note what the attempt had cost.
    assert record["earlier"][0]["cpu_seconds"] > 0


def test_a_shard_that_ran_out_of_memory_came_back_with_more(survivor):
    assert [survivor.asked[n]["MinMemoryNode"] for n in (1, 2)] == ["2500M", "5000M"]
    # The step before it was not drawn again: it was made from what it had kept.
    initial = survivor.record("dataset/stages/initial/00001.h5")
    costs = [one["seconds"] for one in initial["earlier"]] + [initial["seconds"]]
    assert len(costs) >= 2
    log = (survivor.run.folder / initial["log"]).read_text()
    assert "initial 00001: 0/0 batch" in log


def test_a_killed_snakemake_was_taken_over(survivor):
    said = survivor.run.said("slurm")
    assert re.search(r"results/cluster: took over from process \d+, which was killed", said)
    assert re.search(r"cancelling \d+ jobs? of an earlier Snakemake", said)
    assert "--unlock" not in said


def test_a_training_that_was_preempted_went_on(survivor):
    record = survivor.record("models/toffeenet")
    assert record["attempt"] >= 2
    assert "goes on from step" in (survivor.run.folder / record["log"]).read_text()


def test_a_job_that_lost_its_node_ran_again(survivor):
    records = [json.loads(p.read_text()) for p in survivor.run.results.glob("records/**/*.json")]
    (record,) = [one for one in records if survivor.lost.endswith(one.get("log", "no log"))]
    assert record["attempt"] >= 2


def test_no_job_asked_for_a_gpu(survivor):
    assert len(survivor.asked) == 2
    assert not any("gpu" in said.get("TresPerJob", "") for said in survivor.asked.values())
