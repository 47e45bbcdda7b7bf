"""A copy of the project whose scripts only touch their outputs, for tests of what reruns.

The stubs keep the imports of the real scripts in a branch that never runs, so that code digests
still cover the real package.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toffee.config import ROLES
from toffee.download.model import write_manifest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("all", "tables", "figures", "dreambooth", "site")

STUB = """if False:
{imports}
from pathlib import Path

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
        """Rules that a dry run would run, targets without a script left out."""
        out = self.run("--quiet", "rules", "--dry-run", *arguments)
        table = re.search(r"^-+ +-+\n(.*?)^total", out.stdout + out.stderr, re.M | re.S)
        rules = {line.split()[0] for line in table[1].splitlines()} if table else set()
        scripts = {path.stem for path in (self.folder / "workflow" / "scripts").glob("*.py")}
        return rules & scripts


def small_zoo(folder: Path) -> None:
    """A zoo of the right roles with a file each."""
    for role in ROLES:
        (folder / role).mkdir(parents=True)
        (folder / role / "config.json").write_text(f'{{"role": "{role}"}}')
    write_manifest(folder, {role: {"seed": 0} for role in ROLES})


def copy_project(folder: Path) -> Project:
    """The project's own files, with a zoo that takes no space."""
    for name in ("rules", "envs", "config", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    ignored = shutil.ignore_patterns("__pycache__", "zoo.bak")
    for name in ("scripts", "report", "toffee"):
        shutil.copytree(ROOT / "workflow" / name, folder / "workflow" / name, ignore=ignored)
    small_zoo(folder / "workflow" / "zoo")
    return Project(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project that has run to its end, with stubs for scripts. Copy it before changing it."""
    project = copy_project(tmp_path_factory.mktemp("finished") / "project")
    for path in (project.folder / "workflow" / "scripts").glob("*.py"):
        imports = re.findall(r"^(?:from|import) .*$", path.read_text(), re.M)
        path.write_text(STUB.format(imports="\n".join(f"    {line}" for line in imports)))
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
