"""What is taken over from a Snakemake that was killed, and what is left to one that runs."""

import os
import socket
import subprocess
import sys
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


def note(host: str | None = None, pid: int = 1, run: str = "a-run") -> Path:
    """What a process that nobody has any more has left."""
    path = NOTES / f"{host or socket.gethostname()}-{pid}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{run}\n")
    return path


def command(folder: Path, name: str, text: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def queue(here, monkeypatch):
    """A squeue that knows jobs 7 and 8_1 of a run and 5 of another, until scancel comes, which
    notes its arguments."""
    known = "7|a-run\\n8_1|a-run\\n5|another-run\\n"
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
    left = note(pid=77, run="")
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
    left = note(pid=77, run="")
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
    take_over(ROOT)
    assert path.exists() and not queue.exists()


def test_another_machines_process_is_left_to_the_user(here, queue, capsys):
    path = lock([f"{ROOT}/a"])
    note("another")
    take_over(ROOT)
    assert path.exists() and not queue.exists()
    line = capsys.readouterr().err
    assert "may be in use by another-1" in line and "snakemake --unlock" in line


def test_jobs_that_were_left_on_the_cluster_are_cancelled(here, queue, capsys):
    """All of the run: also those whose marks of incomplete files do not name them."""
    note()
    take_over(ROOT)
    assert queue.read_text().split() == ["7", "8_1"]
    assert "cancelling 2 jobs of an earlier Snakemake: 7 8_1" in capsys.readouterr().err


def test_a_process_notes_how_it_names_its_jobs(here, queue):
    code = f"""
import os
from toffee.launch.takeover import note_run, take_over
take_over("{ROOT}")
note_run("a-run")
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=here).returncode == 9
    take_over(ROOT)
    assert queue.read_text().split() == ["7", "8_1"]


def test_a_controller_that_is_away_does_not_say_that_the_jobs_are(here, queue, monkeypatch):
    monkeypatch.setattr(takeover, "PATIENCE", 0)
    command(here, "squeue", "exit 1")
    left = note()
    with pytest.raises(ToffeeError, match=r"SLURM does not answer.*may still run, named a-run;"):
        take_over(ROOT)
    assert left.exists()  # the next one tries again


def test_without_a_cluster_there_is_nothing_to_cancel(here, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    note()
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


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").write_text("")  # stands for a read-only file system
    with pytest.raises(ToffeeError, match="^cannot write .snakemake: .*, -n only plans$"):
        take_over(ROOT)
