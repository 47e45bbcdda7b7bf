"""What reaches SLURM: GPUs, processes on one node and on two; and a job that no retry helps."""

import os
import shutil

import psutil
import pytest
import torch
import yaml
from safetensors.torch import load_file

from .cluster import NODES, asked, wait_for
from .conftest import RESULTS, Run

pytestmark = pytest.mark.xdist_group("cluster")  # of which there can be one
MODEL = f"{RESULTS}/models/view_generator"
WEIGHTS = "models/view_generator/diffusion_pytorch_model.safetensors"


@pytest.fixture
def again(local, tmp_path) -> Run:
    """The finished run of `local`, free to be changed."""
    shutil.copytree(local.folder, tmp_path / "project", symlinks=True)
    return Run(tmp_path / "project")


def train(run: Run, **resources: int | str) -> tuple[dict[str, str], set[str], str]:
    """Train the View Generator again on the cluster, with a site's own resources.

    Returns:
        What SLURM says of the job, the nodes that its two processes ran on, and the number of it.
    """
    site = {"set-resources": {"pretrain_view_generator": resources}}
    (run.folder / "profiles" / "slurm" / "site.yaml").write_text(yaml.safe_dump(site))
    snakemake = run.start("slurm", "--forcerun", "pretrain_view_generator", "--", MODEL)
    try:
        workers = wait_for(two_workers, 120, 0.1)
        (job,) = {worker["SLURM_JOB_ID"] for worker in workers}
        said = asked(job)
        assert snakemake.wait(120) == 0, run.said("slurm")[-6000:]
    finally:
        run.end(snakemake)
    return said, {worker["SLURMD_NODENAME"] for worker in workers}, job


def two_workers() -> list[dict[str, str]]:
    """The environments of a training's two processes in the cluster; none until both are there."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "toffee.training.worker" in command and "python" in command[0]:
            try:
                found.append(process.environ())
            except psutil.Error:
                continue
    found = [one for one in found if "SLURM_JOB_ID" in one]
    return found if len(found) == 2 else []


def assert_same_model(run: Run, local: Run) -> None:
    """The weights are those of one process but for rounding."""
    found, expected = (load_file(one.results / WEIGHTS) for one in (run, local))
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, atol=2e-3), name


def test_gpus_reach_sbatch_and_a_training_has_a_process_for_each(cluster, again, local):
    said, nodes, job = train(again, gpu=2)
    assert said["TresPerJob"] == "gres:gpu:2"
    assert len(nodes) == 1
    assert_same_model(again, local)


def test_a_training_on_two_nodes(cluster, again, local):
    said, nodes, _ = train(again, nodes=2, tasks=2, mpi="srun", processes=2)
    assert said["NumNodes"] == "2" and nodes == set(NODES)
    assert_same_model(again, local)


def test_a_shard_that_fails_for_ever_stops_only_what_depends_on_it(cluster, again):
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
