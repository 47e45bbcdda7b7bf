"""Files of stages that the run removed once they were read: no fault, and not called clean."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from toffee.audit.content import check_bytes
from toffee.audit.notes import Notes
from toffee.audit.replay import check_replay
from toffee.launch.adopt import adopt, metadata_path
from toffee.provenance.crate.files import TEMPORARY, Files
from toffee.provenance.crate.graph import Graph
from toffee.provenance.results import Results
from toffee.provenance.trace import trace, tree_lines

from . import conftest
from .conftest import ROOT, SHARD, TABLE, as_if_released, planned_job, play
from .test_faults import audited, caught

STAGE = f"{ROOT}/dataset/stages/edits/00000.h5"
WILDCARDS = {"shard": "00000"}
DRAWN = ("make_edits", {"clip": conftest.MODEL}, {"out": STAGE}, WILDCARDS)


def without_stages(run, monkeypatch, keep=False, read=True):
    """The run with a stage before the shard, and a configuration that keeps none; its plan too."""
    jobs = list(conftest.JOBS)
    if read:
        name, inputs, *others = jobs[2]
        jobs[2] = (name, inputs | {"edits": STAGE}, *others)
    jobs.insert(2, DRAWN)
    return run_again(run, monkeypatch, jobs, {"keep_stages": keep})


def run_again(run, monkeypatch, jobs, synthesis):
    """The run of other jobs and of this section `synthesis`, whose stage is removed at the end."""
    config = {"scale": "tiny", "synthesis": synthesis}
    monkeypatch.setattr(conftest, "CONFIG", config)
    zoo = run.project / "zoo"
    shutil.rmtree(run.folder)
    monkeypatch.chdir(run.project)
    as_if_released(monkeypatch)
    for one in jobs:
        play(*one)
    planned = [planned_job(*one, zoo=zoo) for one in jobs]
    monkeypatch.setattr("toffee.audit.plans.plan_of", lambda *_: (config, planned))
    run.path(STAGE).unlink()
    return run


@pytest.fixture
def spare(run, monkeypatch):
    return without_stages(run, monkeypatch)


def test_a_removed_stage_is_no_fault_and_is_counted(spare):
    assert audited(spare) == []
    notes = Notes()
    assert check_bytes(Results(spare.folder, spare.project), notes) == []
    assert any("not checked" in line and "1 temporary files of" in line for line in notes.lines)


def test_a_stage_that_is_there_is_checked(spare):
    spare.path(STAGE).write_text("something else\n")
    assert caught(audited(spare, "bytes"), "bytes", STAGE)


def test_a_stage_is_missed_where_stages_are_kept(run, monkeypatch):
    without_stages(run, monkeypatch, keep=True)
    assert caught(audited(run, "bytes"), "bytes", STAGE)


def test_a_stage_is_missed_where_nothing_read_it(run, monkeypatch):
    without_stages(run, monkeypatch, read=False)
    assert caught(audited(run, "bytes"), "bytes", STAGE)


def test_a_stage_is_no_fault_where_its_own_job_made_the_shard(run, monkeypatch):
    """One job of several outputs: no other one has read the stage."""
    jobs = list(conftest.JOBS)
    _, inputs, outputs, *others = jobs[2]
    jobs[2] = ("synthesize_shard", inputs, {"edits": STAGE} | outputs, *others)
    run_again(run, monkeypatch, jobs, {"keep_stages": False, "one_job": True})
    assert audited(run) == []
    run.path(SHARD).unlink()
    assert caught(audited(run, "bytes"), "bytes", SHARD)


def test_another_file_is_missed(spare):
    spare.path(SHARD).unlink()
    assert caught(audited(spare, "bytes"), "bytes", SHARD)


def test_the_trace_goes_through_what_was_removed(spare):
    results = Results(spare.folder, spare.project)
    lines = list(tree_lines(trace(results, TABLE)))
    assert any(STAGE in line and line.endswith("removed once it was read") for line in lines)
    tree = trace(results, STAGE)
    assert tree["removed"] and tree["job"] == "make_edits 00000"


def test_a_crate_is_the_same_before_and_after(spare):
    def entities():
        graph = Graph()
        Files(graph, Results(spare.folder, spare.project)).add_outputs()
        return graph.entities

    after = entities()
    (stage,) = (one for one in after.values() if one.get("description") == TEMPORARY)
    assert stage["name"] == STAGE.removeprefix(f"{ROOT}/") and stage["sha256"]
    spare.path(STAGE).write_text("there again\n")
    assert entities() == after


def test_replay_makes_removed_inputs_first(spare, monkeypatch):
    ran = []

    def fake(command, cwd, **keywords):
        record = json.loads(Path(command[-2]).read_text())
        ran.append(record["rule"])
        for path in record["inputs"]:
            assert (cwd / path).exists(), path
        for path in record["outputs"]:
            (cwd / path).parent.mkdir(parents=True, exist_ok=True)
            (cwd / path).write_text("other bytes" if record["rule"] == wrong else known[path])
        return subprocess.CompletedProcess(command, 0, "", "")

    results = Results(spare.folder, spare.project)
    text = conftest.content("make_edits", STAGE, f"make_edits  of {conftest.MODEL}")
    known, wrong = {STAGE: text, SHARD: spare.path(SHARD).read_text()}, ""
    monkeypatch.setattr("toffee.audit.replay.subprocess.run", fake)
    assert check_replay(results, 1, ["score_shard"]) == []
    assert ran == ["make_edits", "score_shard"]
    wrong = "make_edits"
    (finding,) = check_replay(results, 1, ["score_shard"])
    assert finding.file == STAGE and "what it wrote is removed" in finding.found


def test_copied_results_are_known_without_it(spare, tmp_path):
    state = tmp_path / "state"
    adopted = adopt(ROOT, state)
    assert STAGE in adopted.finished and metadata_path(state, STAGE).is_file()
