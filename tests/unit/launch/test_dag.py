"""The process that plans: what it has said is there at once, and it does not outlive its caller."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from toffee.launch.dag import Job, NoPlan, Planning, _in_order, planned_jobs

WORKFLOW = Path(__file__).parents[3] / "workflow"
CONFIG, JOB = {"scale": "tiny"}, Job("one", {"n": "1"}, {}, {}, {"out": "x"}, "x.log", True)

SNAKEMAKE = f"""#!{sys.executable}
import json, os, pathlib, sys, time
out = open(sys.argv[3], "w")
def wait(name):
    for _ in range(6000):
        if pathlib.Path(name).exists():
            return
        time.sleep(0.01)
    sys.exit(3)
def say(text):
    print(text, end="", file=out, flush=True)
pathlib.Path("pid").write_text(str(os.getpid()))
exec(pathlib.Path("code").read_text())
"""
"""Instead of Python: what `python -m toffee.launch.dag OUT` does is the code in a file."""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Where a Snakemake plans that does what is written in file `code`."""
    fake = tmp_path / "python"
    fake.write_text(SNAKEMAKE)
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    return tmp_path


def says(project: Path, *steps: str) -> None:
    lines = {"config": json.dumps(CONFIG), "job": json.dumps(vars(JOB))}
    (project / "code").write_text("\n".join(steps).format(**{k: repr(v) for k, v in lines.items()}))


def is_there(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_there(pid)


def test_the_configuration_is_there_before_the_jobs(project):
    half = "say({config}[:5]); wait('more'); say({config}[5:] + '\\n')"
    says(project, half, "wait('go'); say({job} + '\\n')")
    with Planning([], project) as planning:
        while not planning._out.is_file() or not planning._out.read_text():
            time.sleep(0.01)
        assert planning._lines() == []
        (project / "more").touch()
        assert planning.config() == CONFIG and not planning.ended()
        (project / "go").touch()
        assert planning.jobs() == [JOB] and planning.ended()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_process_ends_with_the_block(project, error):
    says(project, "say({config} + '\\n'); wait('never')")
    with pytest.raises(error), Planning([], project) as planning:
        planning.config()
        folder = planning._out.parent
        raise error
    assert planning._process.returncode == -signal.SIGKILL and not folder.exists()
    assert not is_there(int((project / "pid").read_text()))


@pytest.mark.parametrize(
    ("steps", "reason", "values"),
    [
        (["print('error: no such target'); sys.exit(1)"], "no such target", None),
        (
            ["say({config} + '\\n'); print('a\\nb'); sys.exit(1)"],
            ".*cannot plan the run: a b",
            CONFIG,
        ),
        (["say({config} + '\\n' + {job}[:9]); os.kill(os.getpid(), 9)"], ".*: no reason", CONFIG),
        (["sys.exit(0)"], ".*: no reason", None),
    ],
)
def test_where_there_is_no_plan_the_reason_is_one_line(project, steps, reason, values):
    says(project, *steps)
    with pytest.raises(NoPlan, match=f"^{reason}$") as found:
        planned_jobs([], project)
    assert found.value.values == values
    with pytest.raises(NoPlan, match=f"^{reason}$"), Planning([], project) as planning:
        assert planning.config() == values
        planning.jobs()


def test_jobs_are_in_the_order_of_their_rules_and_wildcards():
    rules = [SimpleNamespace(name=name) for name in ("two", "one")]
    jobs = [
        SimpleNamespace(rule=rule, wildcards_dict={"shard": shard} if rule.name == "one" else {})
        for rule, shard in itertools.product(rules, ("00000", "00001", "00010"))
    ]
    for given in itertools.permutations(jobs[2:]):
        found = [
            (job.rule.name, job.wildcards_dict.get("shard")) for job in _in_order(given, rules)
        ]
        assert found == [("two", None), ("one", "00000"), ("one", "00001"), ("one", "00010")]


def test_snakemake_does_not_outlive_what_asked_it(tmp_path):
    (tmp_path / "Snakefile").write_text("import time\nopen('read', 'w')\ntime.sleep(60)\n")
    code = (
        "import subprocess, sys\n"
        "one = subprocess.Popen([sys.executable, '-m', 'toffee.launch.dag', 'jobs'])\n"
        "print(one.pid, flush=True)\none.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(WORKFLOW)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as caller:
        pid = int(caller.stdout.readline())
        while not (tmp_path / "read").exists() and is_there(pid):
            time.sleep(0.05)
        assert is_there(pid)
        caller.send_signal(signal.SIGKILL)
        assert ends(pid)
