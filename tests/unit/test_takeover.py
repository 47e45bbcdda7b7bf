"""What is taken over from a Snakemake that was killed, and what is left to one that runs."""

import json
import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import psutil
import pytest

from toffee.takeover import take_over

ROOT = "results/tiny"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lock(files: list[str], name: str = "0.output.lock") -> Path:
    path = Path(".snakemake", "locks", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(files) + "\n")
    return path


def owner(pid: int, start: float | None, host: str | None = None) -> Path:
    path = Path(".snakemake", "toffee", "tiny.owner.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"host": host or os.uname().nodename, "pid": pid, "start": start}
    path.write_text(json.dumps(content))
    return path


def incomplete(output: str, number: str) -> None:
    """A mark of Snakemake's, in folders where the name is long."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + 254] for i in range(0, len(name), 254)]
    path = Path(".snakemake", "incomplete", *(f"@{part}" for part in parts[:-1]), parts[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"external_jobid": number}))


@pytest.fixture
def queue(here, monkeypatch):
    """A squeue that knows jobs 7 and 8 until scancel comes, which notes its arguments."""
    folder = here / "bin"
    folder.mkdir()
    for name, text in {
        "squeue": "test -e cancelled || printf '7|7\\n8|8_1\\n'",
        "scancel": 'echo "$@" > cancelled',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return here / "cancelled"


def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_of_a_dead_owner_goes_and_that_of_another_scale_stays(here, capsys):
    own, other = lock([f"{ROOT}/a"]), lock(["results/paper/a"], "1.output.lock")
    mark = owner(dead(), 1.0)
    take_over(ROOT)
    assert not own.exists() and other.exists()
    assert "took over from process" in capsys.readouterr().err
    assert json.loads(mark.read_text())["pid"] == os.getpid()


def test_a_process_that_only_has_the_owners_number_is_not_the_owner(here):
    path = lock([f"{ROOT}/a"])
    owner(os.getpid(), psutil.Process().create_time() - 100)
    take_over(ROOT)
    assert not path.exists()


def test_a_running_owner_keeps_its_lock_and_its_jobs(here, queue):
    path, mark = lock([f"{ROOT}/a"]), owner(os.getpid(), psutil.Process().create_time())
    before = mark.read_text()
    incomplete(f"{ROOT}/a", "7")
    take_over(ROOT)
    assert path.exists() and mark.read_text() == before and not queue.exists()


@pytest.mark.parametrize("host", ["another", None])
def test_what_cannot_be_known_is_left_to_the_user(here, queue, capsys, host):
    path = lock([f"{ROOT}/a"])
    incomplete(f"{ROOT}/a", "7")
    if host:
        owner(1, 1.0, host)
    take_over(ROOT)
    assert path.exists() and not queue.exists()
    if host:
        line = capsys.readouterr().err
        assert "by process 1 on another" in line and "snakemake --unlock" in line


def test_jobs_that_were_left_on_the_cluster_are_cancelled(here, queue, capsys):
    incomplete(f"{ROOT}/a", "7")
    incomplete(f"{ROOT}/{'long' * 80}", "8_1")
    incomplete(f"{ROOT}/gone", "6")
    incomplete("results/paper/a", "9")
    Path(".snakemake/incomplete/not-a-mark").write_text("x")
    take_over(ROOT)
    assert queue.read_text().split() == ["7", "8_1"]
    assert "cancelling 2 jobs of an earlier Snakemake: 7 8_1" in capsys.readouterr().err


def test_without_a_cluster_there_is_nothing_to_cancel(here, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    incomplete(f"{ROOT}/a", "7")
    take_over(ROOT)
