"""Controller and munge both away for 90 s, while jobs run and one is to be submitted.

A Snakefile of its own, whose jobs take a moment: this is about Snakemake's executor, as
`toffee.launch.patience` has made it.
"""

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from .cluster import PATIENCE, Cluster, slurm, wait_for
from .conftest import ROOT

AWAY = 90  # seconds

SNAKEFILE = f"""
import sys
import time

sys.path.insert(0, "{ROOT}/workflow")
from toffee.launch.session import say_failures, wait_for_slurm

BEGIN = time.time()
wait_for_slurm()

onerror:
    say_failures([], BEGIN)

rule all:
    input: expand("results/x/{{name}}.out", name=["within", "across", "late", "killed", "refused"])

rule wait:
    output: "results/x/{{name}}.out"
    log: "results/x/logs/wait/{{name}}.log"
    wildcard_constraints: name="within|across|killed"
    shell: "sh job.sh {{wildcards.name}} {{output}}"

localrules: gate

rule gate:
    output: "gate"
    shell: "until [ -e away ]; do sleep 0.3; done; touch {{output}}"

rule late:
    input: "gate"
    output: "results/x/late.out"
    shell: "echo late >> begun; echo late > {{output}}"

rule refused:
    output: "results/x/refused.out"
    resources: slurm_partition="nowhere"
    shell: "touch {{output}}"
"""
JOB = """
echo $1 >> begun
until [ -e end.$1 ]; do sleep 0.3; done
echo $1 > $2
mkdir -p results/x/records
echo "{\\"slurm_job_id\\": \\"$SLURM_JOB_ID\\"}" > results/x/records/$1.out.json
"""
OPTIONS = (
    *("--executor", "slurm", "--jobs", "9", "--keep-going", "--latency-wait", "5", "--nocolor"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3"),
    *("--default-resources", "mem_mb=500", "runtime=9"),
)


@dataclass
class Outage:
    """The run through the outage.

    Attributes:
        folder: where it ran.
        status: Snakemake's.
        said: what Snakemake printed.
        killed: SLURM's number of the job that was killed.
    """

    folder: Path
    status: int
    said: str
    killed: str


def number_of(name: str) -> str | None:
    """SLURM's number of the job of rule `wait` with a name, once it runs."""
    for line in slurm("squeue", "--noheader", "--states=RUNNING", "--format=%A %k").splitlines():
        number, _, comment = line.partition(" ")
        if comment.endswith(name):
            return number
    return None


def kill(number: str, folder: Path) -> None:
    """Kill a job's processes as the kernel does where memory is out."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder) and process.environ().get("SLURM_JOB_ID") == number:
                process.kill()


@pytest.fixture(scope="module")
def outage(cluster: Cluster, tmp_path_factory) -> Outage:
    folder = tmp_path_factory.mktemp("outage")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "job.sh").write_text(JOB)
    printed, begun = folder / "printed", folder / "begun"
    with open(printed, "w") as out:
        snakemake = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *OPTIONS],
            cwd=folder, stdout=out, stderr=out, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    try:
        wait_for(lambda: {"within", "across", "killed"} <= set(words(begun)))
        killed = number_of("killed")
        assert killed
        kill(killed, folder)
        # SLURM is told of this end before it is away: of a job that fails meanwhile it never is.
        wait_for(lambda: "Error in rule wait" in printed.read_text())
        cluster.stop("slurmctld")
        cluster.stop("munged")
        start = time.monotonic()
        (folder / "away").touch()
        (folder / "end.within").touch()
        time.sleep(AWAY - (time.monotonic() - start))
        cluster.start("munged")
        cluster.start("slurmctld")
        (folder / "end.across").touch()
        status = snakemake.wait(PATIENCE)
    except BaseException:
        print(printed.read_text()[-6000:])
        raise
    finally:
        (folder / "away").touch()  # for which a local job waits
        if snakemake.poll() is None:
            snakemake.kill()
            snakemake.wait()
    return Outage(folder, status, printed.read_text(), killed)


def words(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_every_job_ends_and_ran_once(outage):
    for name in ("within", "across", "late"):
        assert (outage.folder / "results" / "x" / f"{name}.out").read_text() == f"{name}\n"
    assert sorted(set(words(outage.folder / "begun")) - {"killed"}) == ["across", "late", "within"]
    assert len(words(outage.folder / "begun")) <= 4
    assert outage.said.count("Finished jobid") == 4, outage.said[-6000:]


def test_the_wait_is_told_in_plain_lines(outage):
    assert "SLURM does not answer: 2 submitted jobs are watched again when it does" in outage.said
    assert re.search(r"SLURM answers again after \d+ s", outage.said)
    assert "SLURM does not answer: late waits to be submitted" in outage.said
    assert "Traceback" not in outage.said


def test_the_end_names_what_failed_and_why(outage):
    assert outage.status == 1
    end = outage.said[outage.said.index("2 jobs failed:") :]
    assert f"SLURM job {outage.killed} on toffee" in end and "signal 9" in end
    assert "invalid partition specified: nowhere" in end
