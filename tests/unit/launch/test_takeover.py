"""What is taken over from a Snakemake that was killed, and what is left to one that runs."""

import json
import os
import socket
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from toffee.launch import takeover
from toffee.launch.takeover import take_over
from toffee.launch.targets import only_looks
from toffee.runtime.errors import ToffeeError

ROOT = "results/tiny"
NOTES = Path(".snakemake", "toffee", "processes", "tiny")
ALIVE = f"""
import sys, time
from toffee.launch.takeover import take_over
take_over("{ROOT}")
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lock(files: list[str], name: str = "0.output.lock") -> Path:
    path = Path(".snakemake", "locks", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(files) + "\n")
    return path


def note(host: str | None = None, pid: int = 1) -> Path:
    """What a process that nobody has any more has left."""
    path = NOTES / f"{host or socket.gethostname()}-{pid}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def incomplete(output: str, number: str) -> None:
    """A mark of Snakemake's, in folders where the name is long."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + 254] for i in range(0, len(name), 254)]
    path = Path(".snakemake", "incomplete", *(f"@{part}" for part in parts[:-1]), parts[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"external_jobid": number}))


def command(folder: Path, name: str, text: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def queue(here, monkeypatch):
    """A squeue that knows jobs 7 and 8_1 of this folder and 5 of another, until scancel comes,
    which notes its arguments."""
    known = f"7|7|{here}\\n8|8_1|{here}\\n5|5|/elsewhere\\n"
    command(here, "squeue", f"test -e cancelled || printf '{known}'")
    command(here, "scancel", 'echo "$@" > cancelled')
    monkeypatch.setenv("PATH", f"{here}/bin:{os.environ['PATH']}")
    return here / "cancelled"


def alive(folder: Path) -> subprocess.Popen:
    """A process that works on the results."""
    running = subprocess.Popen(
        [sys.executable, "-c", ALIVE], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "ready\n"
    return running


def test_the_lock_of_a_killed_process_goes_and_that_of_another_scale_stays(here, capsys):
    own, other = lock([f"{ROOT}/a"]), lock(["results/paper/a"], "1.output.lock")
    left = note(pid=77)
    take_over(ROOT)
    assert not own.exists() and other.exists() and not left.exists()
    assert "took over from process 77, which was killed" in capsys.readouterr().err
    assert [path.name for path in NOTES.iterdir()] == [f"{socket.gethostname()}-{os.getpid()}"]


def test_a_process_that_is_killed_leaves_its_note_and_one_that_ends_does_not(here, capsys):
    killed = alive(here)
    killed.kill()
    killed.wait()
    assert len(list(NOTES.iterdir())) == 1
    path = lock([f"{ROOT}/a"])
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from toffee.launch.takeover import take_over; take_over('{ROOT}')",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"took over from process {killed.pid}" in ended.stderr
    assert not path.exists() and not list(NOTES.iterdir())


def test_what_a_running_process_has_is_left_alone_whoever_was_killed(here, queue):
    path = lock([f"{ROOT}/a"])
    incomplete(f"{ROOT}/a", "7")
    left = note(pid=77)
    running = alive(here)  # takes over from 77, and holds what comes
    path = lock([f"{ROOT}/a"])
    queue.unlink(missing_ok=True)
    left.touch()
    try:
        take_over(ROOT)
        assert path.exists() and left.exists() and not queue.exists()
    finally:
        running.kill()
        running.wait()


def test_a_lock_that_nobody_has_noted_is_left_alone(here, queue):
    path = lock([f"{ROOT}/a"])
    incomplete(f"{ROOT}/a", "7")
    take_over(ROOT)
    assert path.exists() and not queue.exists()


def test_another_machines_process_is_left_to_the_user(here, queue, capsys):
    path = lock([f"{ROOT}/a"])
    incomplete(f"{ROOT}/a", "7")
    note("another")
    take_over(ROOT)
    assert path.exists() and not queue.exists()
    line = capsys.readouterr().err
    assert "may be in use by another-1" in line and "snakemake --unlock" in line


def test_jobs_that_were_left_on_the_cluster_are_cancelled(here, queue, capsys):
    note()
    incomplete(f"{ROOT}/a", "7")
    incomplete(f"{ROOT}/{'long' * 80}", "8_1")
    incomplete(f"{ROOT}/number-of-another-project", "5")
    incomplete(f"{ROOT}/gone", "6")
    incomplete("results/paper/a", "9")
    Path(".snakemake/incomplete/not-a-mark").write_text("x")
    take_over(ROOT)
    assert queue.read_text().split() == ["7", "8_1"]
    assert "cancelling 2 jobs of an earlier Snakemake: 7 8_1" in capsys.readouterr().err


def test_a_controller_that_is_away_does_not_say_that_the_jobs_are(here, queue, monkeypatch):
    monkeypatch.setattr(takeover, "PATIENCE", 0)
    command(here, "squeue", "exit 1")
    left = note()
    incomplete(f"{ROOT}/a", "7")
    with pytest.raises(ToffeeError, match=r"SLURM does not answer.*may still run: 7;"):
        take_over(ROOT)
    assert left.exists()  # the next one tries again


def test_without_a_cluster_there_is_nothing_to_cancel(here, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    note()
    incomplete(f"{ROOT}/a", "7")
    take_over(ROOT)


@pytest.mark.parametrize(
    ("option", "looks"),
    [
        ("--dry-run", True),
        ("--summary", True),
        ("--dag", True),
        ("--report", True),
        ("--unlock", True),
        ("--nolock", True),
        ("--lint", True),
        ("--touch", True),
        ("--keep-going", False),
        ("--forceall", False),
    ],
)
def test_only_a_command_that_runs_jobs_takes_over(option, looks):
    assert only_looks(["snakemake", "--cores", "2", option]) == looks
