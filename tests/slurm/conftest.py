"""The cluster of this machine, the project's small run on it, and what the faults are made with."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from fork_server import JOBS, SNAKEMAKE, ForkServer

from .cluster import Cluster, missing, slurm, wait_for

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "tests/slurm/config.yaml"
RESULTS = Path("results", "cluster")
TARGETS = (
    f"{RESULTS}/tables/refiner.csv",
    f"{RESULTS}/evaluation/dreambench/toffeenet/0.parquet",
)
SNAKEMAKE_ASKING_OFTEN = ROOT / "tests" / "slurm" / "snakemake_asking_often.py"
ENVIRONMENT = {"PYTHONPATH": "", "OMP_NUM_THREADS": "1", "TOFFEE_CHECKPOINT_EVERY": "5"}
QUICKLY = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5")


class Run:
    """A checkout in a folder of its own, and Snakemake run in it by the interpreter `python`."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder, self.python = folder, python
        self.results = folder / RESULTS

    def start(self, profile: str, *arguments: str) -> subprocess.Popen:
        """Start Snakemake; its output goes to <profile>.log, behind that of earlier starts."""
        command = [self.python, str(SNAKEMAKE_ASKING_OFTEN), "--profile", profile, "--nocolor"]
        quickly = QUICKLY if profile == "slurm" else ("--cores", "2")
        with open(self.folder / f"{profile}.log", "a") as out:
            return subprocess.Popen(
                [*command, *quickly, "--configfile", CONFIG, *arguments],
                cwd=self.folder,
                env=os.environ | ENVIRONMENT,
                stdout=out,
                stderr=out,
            )

    def run(self, profile: str, *arguments: str, status: int = 0) -> str:
        """Run Snakemake to its end; what it has said in all."""
        running = self.start(profile, *arguments)
        found = running.wait()
        said = self.said(profile)
        if found != status:
            pytest.fail(f"snakemake --profile {profile}: status {found}\n{said[-6000:]}")
        return said

    def end(self, running: subprocess.Popen) -> None:
        """End a Snakemake that still runs, and its jobs."""
        if running.poll() is None:
            running.kill()
            running.wait()
            slurm("scancel", *slurm("squeue", "--noheader", "--format=%A").split(), check=False)

    def said(self, profile: str) -> str:
        log = self.folder / f"{profile}.log"
        return log.read_text() if log.exists() else ""

    def digests(self) -> dict[str, str]:
        """SHA-256 of the files of dataset, models and evaluation, by path."""
        folders = ("dataset/shards", "dataset/stages", "models", "evaluation/dreambench")
        files = [path for name in folders for path in (self.results / name).rglob("*")]
        files += [*(self.results / "dataset").glob("*.parquet")]
        return {
            path.relative_to(self.results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
            if path.is_file() and path.name != ".snakemake_timestamp"
        }


def checkout(folder: Path) -> Run:
    """The project as a clone has it, in a new folder."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        if not name.startswith("tests/") or name == CONFIG:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink() or source.exists():
                shutil.copy2(source, target, follow_symlinks=False)
    return Run(folder)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A running cluster; skips with the reason where there can be none."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with Cluster(tmp_path_factory.mktemp("cluster")) as one:
        yield one


@pytest.fixture(scope="session")
def forks(cluster, tmp_path_factory) -> Iterator[ForkServer]:
    """A server whose forks are Snakemake and jobs; it sees the folders of the cluster."""
    folder = tmp_path_factory.mktemp("server")
    with ForkServer.start(folder, (*SNAKEMAKE, *JOBS), os.environ | ENVIRONMENT) as server:
        yield server


@pytest.fixture(scope="session")
def local(forks, tmp_path_factory) -> Run:
    """The small run, finished without a cluster."""
    run = checkout(tmp_path_factory.mktemp("local") / "project")
    arguments = ["--profile", "local", "--cores", "2", "--configfile", CONFIG, "--", *TARGETS]
    command, environment = ["-m", "snakemake", *arguments], os.environ | ENVIRONMENT
    done = forks.run(command, run.folder, environment, forks.python)
    assert done.returncode == 0, done.stderr[-6000:]
    return run


def processes_of(word: bytes) -> Iterator[psutil.Process]:
    """Pythons with a word in their command line. Cheap enough to be asked many times a second,
    which a question to psutil about every process is not."""
    for number in psutil.pids():
        with suppress(OSError, psutil.Error):  # it has just ended
            command = Path(f"/proc/{number}/cmdline").read_bytes()
            if word in command and b"python" in command.partition(b"\0")[0]:
                yield psutil.Process(number)


def script_of(forks: ForkServer, rule: str, shard: str = "") -> tuple[str, psutil.Process] | None:
    """The process of a rule's function in the cluster, and the SLURM job that it runs in.

    All rules have the same script: its log tells which of them it runs, and for which shard.
    """
    log = re.compile(rf"/logs/{rule}/{shard}\.log$" if shard else rf"/logs/{rule}(/.+)?\.log$")
    for number, task in forks.running().items():
        with suppress(psutil.Error):
            process = psutil.Process(number)
            job = task["environment"].get("SLURM_JOB_ID")
            if job and any(log.search(one.path) for one in process.open_files()):
                return job, process
    return None


def log_of(script: psutil.Process) -> str:
    """Path of the log that a script writes."""
    return next(one.path for one in script.open_files() if "/logs/" in one.path)


def running_script(forks: ForkServer, rule: str, shard: str = "") -> tuple[str, psutil.Process]:
    """Wait for a script of a rule to run in the cluster; its job and process."""
    return wait_for(lambda: script_of(forks, rule, shard), pause=0.05)
