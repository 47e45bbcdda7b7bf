"""The whole plan of the paper's 4.8 million pairs: small enough to be made at any time.

Times stand in docs/benchmarks.md; jobs and memory do not depend on the machine's load.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest
import yaml

from .conftest import ROOT
from .finished_run import finish

TARGETS = ("all", "tables", "figures", "dreambooth", "site", "dataset")
ARGUMENTS = ("--configfile", "config/paper.yaml", "--", *TARGETS)
OF_A_SHARD = ("plan_shard", "synthesize_shard", "export_shard")
SHARDS = 400

# The peak of a process in between would be that of the test's own, which it starts as.
MEASURE = """import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


@pytest.fixture(scope="module")
def project(fresh, tmp_path_factory):
    """A checkout in which nothing has run."""
    folder = tmp_path_factory.mktemp("paper") / "project"
    shutil.copytree(fresh.folder, folder)
    return folder


def dry_run(folder) -> tuple[str, float]:
    """What Snakemake says, and its peak memory (GB)."""
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "snakemake", "--dry-run"]
    done = subprocess.run(
        [*command, "--quiet", "rules", "--cores", "1", *ARGUMENTS],
        cwd=folder, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-2000:]
    return said, int(re.search(r"^peak (\d+)$", said, re.M)[1]) * 1024 / 1e9


def test_the_papers_dataset_is_that_many_pairs():
    synthesis = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())["synthesis"]
    assert synthesis["shards"] * synthesis["samples_per_shard"] == 4_800_000
    editing = sum(share for kind, share in synthesis["kinds"].items() if kind != "generation")
    assert editing == pytest.approx(1.6 / 4.8, abs=1e-4)


def test_the_plan_before_the_first_job(project):
    said, peak = dry_run(project)
    jobs = Counter({name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", said, re.M)})
    assert all(jobs[rule] == SHARDS for rule in OF_A_SHARD)
    # These three of each shard, and some hundreds for all the rest.
    assert 3 * SHARDS < jobs["total"] < 5 * SHARDS
    assert peak < 1


def test_the_plan_when_all_outputs_are_there(project):
    """As a finished run leaves them: files, and what the records tell Snakemake of each job."""
    jobs = finish(project, ARGUMENTS)
    assert jobs > 3 * SHARDS
    (table,) = project.glob("results/paper/records/data/*.files")
    table.write_text("nobody may look in here: it may be of millions of files")
    said, peak = dry_run(project)
    assert f"{jobs} jobs are known from their records" in said
    assert "Nothing to be done" in said
    assert peak < 1
