"""A copy of the project whose runner only touches a job's outputs, for tests of what reruns.

Rules, parameters and code digests are those of the real project.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import copy_checkout

from toffee.config import ROLES
from toffee.download.model import write_manifest
from toffee.provenance.code import rule_functions

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("all", "tables", "figures", "dreambooth", "site")

STUB = """from pathlib import Path

for path in map(Path, snakemake.output):
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        path = path / "file"
    path.write_text(str(path))
"""


class Project:
    """A folder with a Snakefile, and Snakemake run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        environment = os.environ | {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        if check and done.returncode:
            pytest.fail(f"snakemake {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done

    def planned(self, *arguments: str) -> set[str]:
        """Rules that a dry run would run, targets without a function left out."""
        out = self.run("--quiet", "rules", "--dry-run", *arguments)
        table = re.search(r"^-+ +-+\n(.*?)^total", out.stdout + out.stderr, re.M | re.S)
        rules = {line.split()[0] for line in table[1].splitlines()} if table else set()
        return rules & set(rule_functions(self.folder))


def small_zoo(folder: Path) -> None:
    """A zoo of the right roles with a file each."""
    for role in ROLES:
        (folder / role).mkdir(parents=True)
        (folder / role / "config.json").write_text(f'{{"role": "{role}"}}')
    write_manifest(folder, {role: {"seed": 0} for role in ROLES})


def copy_project(folder: Path) -> Project:
    """The project's own files, with a zoo that takes no space."""
    copy_checkout(folder)
    small_zoo(folder / "workflow" / "zoo")
    return Project(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project that has run to its end, with a stub for the runner. Copy it before changing it."""
    project = copy_project(tmp_path_factory.mktemp("finished") / "project")
    (project.folder / "workflow" / "run.py").write_text(STUB)
    project.run(*TARGETS, "--quiet", "all")
    return project


@pytest.fixture
def project(finished, tmp_path):
    """The finished project, free to be changed."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A project in which nothing has run."""
    return copy_project(tmp_path_factory.mktemp("fresh") / "project")
