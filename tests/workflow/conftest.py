"""A copy of the project whose runner only touches a job's outputs, for tests of what reruns.

Rules, parameters and code digests are those of the real project.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from checkout import copy_checkout
from fork_server import SNAKEMAKE, ForkServer, environment
from workers import made_once, run_process

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
    """A folder with a Snakefile, and Snakemake run in it.

    Snakemake and its jobs are forks of `server`.
    """

    def __init__(self, folder: Path, server: ForkServer) -> None:
        self.folder, self.server = folder, server

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        command = ["-m", "snakemake", "--cores", "2", *arguments]
        done = self.server.run(command, self.folder, environment(), self.server.python)
        if check and done.returncode:
            pytest.fail(f"snakemake {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done

    def planned(self, *arguments: str) -> set[str]:
        """Rules that a dry run would run, targets without a function left out."""
        out = self.run("--quiet", "rules", "--dry-run", *arguments)
        table = re.search(r"^-+ +-+\n(.*?)^total", out.stdout + out.stderr, re.M | re.S)
        rules = {line.split()[0] for line in table[1].splitlines()} if table else set()
        return rules & set(rule_functions(self.folder))

    def copy(self, folder: Path) -> "Project":
        """A copy of the project, free to be changed."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder, self.server)


def small_zoo(folder: Path) -> None:
    """A zoo of the right roles with a file each."""
    for role in ROLES:
        (folder / role).mkdir(parents=True)
        (folder / role / "config.json").write_text(f'{{"role": "{role}"}}')
    write_manifest(folder, {role: {"seed": 0} for role in ROLES})


def copy_project(folder: Path) -> None:
    """The project's own files, with a zoo that takes no space."""
    copy_checkout(folder)
    small_zoo(folder / "workflow" / "zoo")


FEWER = (("images_per_prompt: 3", "images_per_prompt: 2"), ("trainings: 3", "trainings: 2"))
"""Of the evaluation: half the jobs of the tiny scale, and still several of each kind."""


@pytest.fixture(scope="session")
def light_server(tmp_path_factory) -> ForkServer:
    """A server with what Snakemake imports. Its forks take a fifth of the time that those of a
    server with torch take."""

    def start(folder: Path) -> None:
        ForkServer.start(folder, SNAKEMAKE, environment(), owner=run_process())

    return ForkServer(made_once(tmp_path_factory, "light_server", start))


@pytest.fixture(scope="session")
def finished(light_server, tmp_path_factory):
    """A project that has run to its end, with a stub for the runner. Copy it before changing it."""

    def make(folder: Path) -> None:
        copy_project(folder)
        config = folder / "config" / "config.yaml"
        text = config.read_text()
        for whole, fewer in FEWER:
            assert text.count(whole) == 1
            text = text.replace(whole, fewer)
        config.write_text(text)
        (folder / "workflow" / "run.py").write_text(STUB)
        Project(folder, light_server).run(*TARGETS, "--quiet", "all")

    return Project(made_once(tmp_path_factory, "finished", make), light_server)


@pytest.fixture
def project(finished, tmp_path):
    """The finished project, free to be changed."""
    return finished.copy(tmp_path / "project")


FIRST = """
import contextlib, gc, os, sys
from snakemake import workflow
from snakemake.cli import main
parse, parsed = workflow.parse, {{}}
def parse_once(path, *arguments, linemap, rulecount):
    key = path.get_path_or_uri(secret_free=True), rulecount
    if key not in parsed:
        parsed[key] = *parse(path, *arguments, linemap=(lines := {{}}), rulecount=rulecount), lines
    linemap.update(parsed[key][2])
    return parsed[key][:2]
workflow.parse = parse_once
gc.disable()
os.chdir({folder!r})
sys.argv = ["snakemake", "--cores", "2", "--quiet", "all", "--dry-run", *{targets!r}]
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
"""


@pytest.fixture(scope="session")
def planner(finished, tmp_path_factory):
    """The finished project, for dry runs after changes of anything but code.

    The server of its Snakemake has made one dry run, and with it parsed the rules, imported the
    project's modules and computed the digests of their code, which take most of a dry run's time.
    """
    project = finished.copy(tmp_path_factory.mktemp("planner") / "project")
    first = FIRST.format(folder=str(project.folder), targets=TARGETS)
    folder = tmp_path_factory.mktemp("server")
    with ForkServer.start(folder, SNAKEMAKE, environment(), first) as server:
        yield Project(project.folder, server)


@pytest.fixture
def settings(planner, finished):
    """The project of `planner`, whose configuration and results are free to be changed."""
    yield planner
    for name in ("config", "results", "workflow/zoo", ".snakemake"):
        shutil.rmtree(planner.folder / name)
        shutil.copytree(finished.folder / name, planner.folder / name, symlinks=True)


@pytest.fixture(scope="session")
def fresh(light_server, tmp_path_factory):
    """A project in which nothing has run."""
    folder = tmp_path_factory.mktemp("fresh") / "project"
    copy_project(folder)
    return Project(folder, light_server)
