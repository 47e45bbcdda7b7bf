"""`toffee plan` in a checkout: Snakemake's own jobs, and a budget that is too small."""

import json
import re
import shutil
import subprocess

import pytest
from fork_server import environment

from toffee.launch.dag import Planning

from .conftest import ROOT, Project
from .finished_run import finish


@pytest.fixture(scope="module")
def project(fresh, fork_server, tmp_path_factory) -> Project:
    """A checkout in which nothing has run, with the shipped models."""
    copy = fresh.copy(tmp_path_factory.mktemp("plan") / "project")
    project = Project(copy.folder, fork_server)
    shutil.rmtree(project.folder / "workflow" / "zoo")
    (project.folder / "workflow" / "zoo").symlink_to(ROOT / "workflow" / "zoo")
    return project


def toffee_plan(project: Project, *arguments: str) -> subprocess.CompletedProcess:
    """The command and its Snakemake, as forks."""
    server, path = project.server, {"PYTHONPATH": str(project.folder / "workflow")}
    command = ["-m", "toffee.cli", "plan", *arguments]
    return server.run(command, project.folder, environment() | path, server.python)


def test_the_jobs_are_snakemakes_own(project):
    done = toffee_plan(project, "--json", "--", "dataset")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    said = project.run("--quiet", "rules", "--dry-run", "dataset").stdout
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", said, re.M)}
    assert jobs.pop("dataset") == 1  # a target makes nothing
    assert plan["total"]["jobs"] == jobs.pop("total") - 1
    assert {row["rule"]: row["jobs"] for row in plan["rules"]} == jobs
    assert plan["total"]["cpu_hours"] > 0 and plan["total"]["download"] == 0
    assert not (project.folder / "results").exists()


def test_the_configuration_is_there_while_snakemake_still_plans(project):
    with Planning(["--configfile", "config/paper.yaml", "--", "all"], project.folder) as planning:
        assert planning.config()["scale"] == "paper"
        assert len(planning._lines()) == 1  # no job yet; they come seconds later


@pytest.mark.parametrize("option", ["--configfile", "--bench"])
def test_a_file_that_is_not_there_is_one_line(project, option):
    done = toffee_plan(project, option, "nope.file")
    assert done.returncode == 1 and done.stderr == "error: nope.file: no such file\n"


def test_too_small_a_budget_is_one_line(project):
    budget, steps = "budget={cpu_hours: 0.001}", "refiner={steps: 5000}"
    done = toffee_plan(project, "--config", budget, steps, "--", "results/tiny/models/refiner")
    assert done.returncode == 1
    assert re.search(r"^pretrain_refiner +1 +0\.\d", done.stdout, re.M)
    assert "ASSUMED, not measured: 0.05 in float32 TFLOP/s" in done.stdout
    assert re.fullmatch(
        r"error: budget.cpu_hours is too small: \S+ h needed, 0.001 h available\n", done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--", "tabels"), "unknown target tabels .did you mean tables"),
        (("--config", "budget={gpu_hour: 1}"), "unknown config key budget.gpu_hour, did you mean"),
        (("--configfile", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_what_cannot_be_planned_is_one_line(project, arguments, line):
    done = toffee_plan(project, *arguments)
    assert done.returncode == 1
    assert re.match(f"error: .*{line}", done.stderr) and done.stderr.count("\n") == 1, done.stderr


def test_what_is_there_takes_nothing(project, tmp_path):
    there = project.copy(tmp_path / "project")
    jobs = finish(there.folder, ["--", "dataset"])
    assert jobs > 15
    done = toffee_plan(there, "--json", "--", "dataset")
    assert json.loads(done.stdout)["total"]["jobs"] == 0, done.stderr
