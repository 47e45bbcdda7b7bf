"""What is run again, and what is not: a record decides nothing about it."""

import json
import subprocess
import sys

import pytest

from toffee.audit.replay import check_replay, not_replayed, replayed_jobs
from toffee.cli import main
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError

from .conftest import JOBS, ROOT, SHARD, TABLE
from .test_faults import audited, flip


def test_a_record_cannot_excuse_itself(run):
    run.edit(TABLE, lambda content: content["params"].update(results=ROOT))
    (record,) = replayed_jobs(Results(run.folder, run.project), ["tabulate_dataset"])
    assert not_replayed(record) == ""


def test_what_is_recomputed_does_not_run_again(run):
    with pytest.raises(ToffeeError, match="write_site: does not run again: .* recomputed"):
        replayed_jobs(Results(run.folder, run.project), ["write_site"])


@pytest.mark.parametrize("rule", ["download_dreambench", "download_model"])
def test_a_download_needs_leave_to_use_the_network(run, rule):
    def real(content):
        content.update(rule=rule, input={}, inputs={})

    run.edit(f"{ROOT}/models/clip", real)
    results = Results(run.folder, run.project)
    with pytest.raises(ToffeeError, match="needs the network .--allow-network"):
        replayed_jobs(results, [rule])
    assert len(replayed_jobs(results, [rule], network=True)) == 1
    drawn = {one.rule for one in _drawn(results)}
    assert rule not in drawn and len(drawn) == len(JOBS) - 2  # and the page is recomputed


def _drawn(results):
    from toffee.audit.replay import _sampled

    return _sampled(results, 99, 0, False)


def test_nothing_runs_where_the_tiers_before_have_a_finding(run, monkeypatch):
    monkeypatch.setattr("toffee.audit.replay._replay", lambda *_: pytest.fail("a job ran"))
    flip(run.path(SHARD))
    assert {one.tier for one in audited(run, "replay")} == {"bytes"}


@pytest.mark.parametrize(
    ("arguments", "sample", "jobs"),
    [
        (["--sample", "2"], 2, []),
        (["--tier", "replay", "--sample", "2"], 2, []),
        (["--tier", "replay"], 3, []),
        (["--job", "score_shard"], 3, ["score_shard"]),
    ],
)
def test_jobs_that_are_counted_or_named_run_again(run, monkeypatch, arguments, sample, jobs):
    asked = []
    monkeypatch.setattr("toffee.audit.run.check_replay", lambda *all: asked.append(all[1:3]) or [])
    monkeypatch.setattr("toffee.audit.run.Results", lambda folder: Results(folder, run.project))
    assert main(["audit", str(run.folder), *arguments]) == 0
    assert asked == [(sample, jobs)]


@pytest.mark.parametrize("option", [["--sample", "3"], ["--job", "score_shard"]])
@pytest.mark.parametrize("tier", ["schema", "graph"])
def test_a_tier_that_leaves_replay_out_is_refused_with_its_options(run, capsys, option, tier):
    """It was said to be clean, though no job had run again."""
    assert main(["audit", str(run.folder), *option, "--tier", tier]) == 1
    said = capsys.readouterr().err
    assert said == f"error: {option[0]} is for tier replay, found --tier {tier}; give only one\n"


@pytest.mark.parametrize("option", [["--seed", "3"], ["--allow-network"]])
@pytest.mark.parametrize("tier", [[], ["--tier", "bytes"]])
def test_what_only_replay_takes_is_refused_without_it(run, capsys, option, tier):
    """It was ignored."""
    assert main(["audit", str(run.folder), *option, *tier]) == 1
    found = (
        "--tier bytes; give only one" if tier else "tier graph; give --sample or --tier replay too"
    )
    assert capsys.readouterr().err == f"error: {option[0]} is for tier replay, found {found}\n"


@pytest.mark.parametrize("option", ["--sample", "--seed"])
def test_what_only_a_sample_takes_is_refused_where_jobs_are_named(run, capsys, option):
    assert main(["audit", str(run.folder), "--job", "score_shard", option, "3"]) == 1
    said = capsys.readouterr().err
    assert said == f"error: {option} is for a sample of the jobs, found --job; give only one\n"


def test_a_job_that_runs_again_reaches_no_network():
    code = (
        "import socket, sys\n"
        "from toffee.launch.rerun import forbid_network\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "forbid_network()\n"
        "socket.create_connection(server.getsockname()).close()\n"
        "for call in (lambda: socket.create_connection(('192.0.2.1', 80), 1),\n"
        "             lambda: socket.getaddrinfo('example.org', 80)):\n"
        "    try:\n"
        "        call()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["ToffeeError", "ToffeeError"], done.stderr


def test_the_files_of_a_rerun_are_no_options(run, monkeypatch):
    """Whatever a record is called."""
    seen = []

    def fake(command, **keywords):
        seen.append(command)
        return subprocess.CompletedProcess(command, 1, "", "error: no")

    monkeypatch.setattr("toffee.audit.replay.subprocess.run", fake)
    check_replay(Results(run.folder, run.project), 1, ["tabulate_dataset"])
    assert seen[0][seen[0].index("--") + 1].endswith(".json")
    assert json.loads(run.record(TABLE).read_text())["rule"] == "tabulate_dataset"
