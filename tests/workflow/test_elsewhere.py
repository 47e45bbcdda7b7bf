"""Results that lie elsewhere than where they were made: in a folder that nobody may write, and in
one that is far from the checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Project, copy_project
from .finished_run import finish

TARGET = "views"
MODEL = "results/tiny/models/depth"


@pytest.fixture(scope="module")
def made(fork_server, tmp_path_factory) -> Project:
    """A project with records of the jobs of one table and figure, which no Snakemake has seen."""
    folder = tmp_path_factory.mktemp("made") / "project"
    copy_project(folder)
    finish(folder, ["--cores", "1", TARGET])
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    return Project(folder, fork_server)


def copy_without_times(folder: Path, target: Path) -> None:
    """A copy whose times are new, as those of `cp -r`, and in an order that would rerun all."""
    shutil.copytree(folder, target, symlinks=True)
    paths = sorted(target.rglob("*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for number, path in enumerate(paths):
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


def state(folder: Path) -> dict[str, tuple[int, int]]:
    paths = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in paths}


def plan(snakefile: Path, folder: Path, *arguments: str) -> str:
    """A dry run without root's right to write everywhere."""
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", str(snakefile)]
    environment = os.environ | {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*drop, *command, "--cores", "1", *arguments, TARGET],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(
    os.getuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere"
)
def test_a_dry_run_writes_nothing_and_needs_no_right_to(made, tmp_path):
    folder = tmp_path / "project"
    copy_without_times(made.folder, folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o555)
    before = state(folder)
    try:
        printed = plan(folder / "Snakefile", folder)
        assert "Nothing to be done" in printed
        assert "jobs are known from their records" in printed
        changed = plan(folder / "Snakefile", folder, "--config", "evaluation={seed: 9}", "--")
        assert "generate_views" in changed
        assert state(folder) == before
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)


@pytest.mark.skipif(os.getuid() or not shutil.which("setpriv"), reason="gives files to another")
def test_a_dry_run_does_without_what_another_user_keeps_for_himself(made, tmp_path):
    project = made.copy(tmp_path / "project")
    project.run(TARGET)  # now Snakemake has metadata, which its user and group alone may read
    for path in (project.folder / ".snakemake" / "metadata").iterdir():
        path.chmod(0o600)
        os.chown(path, 65534, 65534)
    assert "Nothing to be done" in plan(project.folder / "Snakefile", project.folder)


def test_results_may_lie_far_from_the_checkout(made, tmp_path):
    """Made beside the checkout, then moved; and then the checkout moves."""
    far = tmp_path / "scratch" / "mine"
    far.mkdir(parents=True)
    copy_without_times(made.folder / "results", far / "results")
    snakefile = made.folder / "Snakefile"
    assert "Nothing to be done" in plan(snakefile, made.folder, "--directory", str(far))
    done = made.run(TARGET, "--directory", str(far))
    assert "Nothing to be done" in done.stdout + done.stderr
    moved = made.copy(tmp_path / "other" / "place" / "code")
    assert moved.planned(TARGET, "--directory", str(far)) == set()


def test_a_record_does_not_tell_where_the_checkout_is(made, tmp_path):
    made.run(MODEL, "--directory", str(tmp_path))
    text = (tmp_path / "results" / "tiny" / "records" / "models" / "depth.json").read_text()
    assert "workflow/zoo/depth/config.json" in json.loads(text)["inputs"]
    assert json.loads(text)["params"]["zoo"] == "workflow/zoo"
    assert str(made.folder) not in text
    assert os.path.relpath(made.folder, tmp_path) not in text
