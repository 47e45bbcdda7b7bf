"""From a file or a number to its downloads, and what it all took."""

import json
from pathlib import Path

import pandas as pd
import pytest

from toffee.cli import main
from toffee.provenance.brief import screen
from toffee.provenance.results import Results
from toffee.provenance.trace import cell, trace
from toffee.tables.ledger import write_ledger

from .conftest import INDEX, JOBS, MODEL, ROOT, SHARD, TABLE, play


def chain_of(tree, path):
    """Every place of a file in a tree."""
    found = [tree] if tree["path"] == path else []
    return found + [one for below in tree.get("inputs", []) for one in chain_of(below, path)]


def test_a_table_leads_to_the_downloads_digest(run):
    tree = trace(Results(run.folder, run.project), TABLE)
    (model,) = chain_of(tree, MODEL)
    record = json.loads(run.record(MODEL).read_text())
    assert model["sha256"] == record["outputs"][MODEL]["sha256"]
    (source,) = model["inputs"]
    assert source["path"] == "zoo/clip/config.json"
    assert source["sha256"] == record["params"]["digests"]["config.json"]
    shards = chain_of(tree, SHARD)
    assert len(shards) == 1 and shards[0]["params"]["seed"] == 0
    # Two outputs of one job: its chain stands once.
    (index,), (funnel,) = chain_of(tree, INDEX), chain_of(tree, f"{ROOT}/dataset/funnel.csv")
    assert "above" not in index and funnel["above"]


def test_the_command_prints_a_tree_and_json(run, capsys, monkeypatch):
    monkeypatch.chdir(run.project)
    assert main(["trace", TABLE, "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(TABLE) and any("download_model clip" in line for line in lines)
    assert any(line.strip("│└├─ ").startswith("zoo/clip/config.json") for line in lines)
    assert main(["trace", "dataset", "all", "pairs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["value"]) for row in told["cell"]] == [("all", 3)]
    assert told["chain"]["job"] == "tabulate_dataset"


def test_a_number_has_its_way_on_one_screen(run, capsys, monkeypatch):
    monkeypatch.chdir(run.project)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["trace", "dataset", "all", "pairs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    digest = json.loads(run.record(MODEL).read_text())["outputs"][MODEL]["sha256"]
    assert lines[0].startswith("all, pairs = 3 ")
    assert any(line.startswith(f"in    {TABLE}") for line in lines)
    assert any(line.startswith("by    tabulate_dataset") for line in lines)
    assert any(MODEL in line and digest[:12] in line and "zoo/clip" in line for line in lines)


def test_code_that_no_commit_has_is_said(run, capsys, monkeypatch):
    """Also where the screen is narrow: the line of a table's job is the longest there is."""

    def state(content):
        edited = content["rule"] in ("tabulate_dataset", "score_shard")
        changes = {"changed": True, "diff": "d" * 64} if edited else {}
        commit = "e" * 40 if content["rule"] == "filter_dataset" else "c" * 40
        content["git"] |= {"commit": commit} | changes

    monkeypatch.chdir(run.project)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["trace", TABLE]) == 0
    said = capsys.readouterr().out
    assert "commit cccccccccc  " in said and "after 3 more jobs, " in said
    assert "changes" not in said
    run.forge(state)
    assert main(["trace", TABLE]) == 0
    lines = " ".join(capsys.readouterr().out.split())
    assert "by tabulate_dataset commit cccccccccc + changes " in lines
    assert "after 3 more jobs (2 with changes or of another commit), " in lines
    assert main(["trace", TABLE, "--all"]) == 0
    assert capsys.readouterr().out.count(" + changes ") == 2
    assert main(["trace", TABLE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["chain"]["changed"] is True


def tree_of(jobs: int, inputs: int, models: int) -> dict:
    """A chain of many jobs, each of which reads files, the first one downloads too."""
    cost = {"seconds": 1.0, "cpu_seconds": 2.0, "gpu_seconds": 0.0, "commit": None, "changed": None}
    common = cost | {"sha256": "ab" * 32, "size": 1, "start": "2026-01-02T03:04:05+00:00"}

    def job(name: str, read: list[dict]) -> dict:
        values = {f"value_{n}": "x" * 50 for n in range(50)}
        return common | {"path": f"r/{name}", "job": name, "params": values, "inputs": read}

    files = [common | {"path": f"config/{n}.yaml"} for n in range(inputs)]
    part = common | {"path": "zoo/part"}
    source = {"source": {"repo": "a/b", "revision": "c" * 40}}
    read = [job(f"download_model {n}", [part]) | {"params": source} for n in range(models)]
    for n in range(jobs):
        read = [*files, *read[:1], *read[1:]] if n == 0 else [*files, *read]
        read = [job(f"rule_{n}", read)]
    return job("tabulate_it", [*read, *files])


@pytest.mark.parametrize(("jobs", "inputs", "models"), [(0, 0, 0), (1, 1, 1), (60, 40, 30)])
def test_a_long_chain_fits_the_screen_too(jobs, inputs, models):
    row = dict.fromkeys(("method", "metric", "value", "stderr", "n", "source", "setting"), "y" * 90)
    lines = list(screen(tree_of(jobs, inputs, models), [row] * 9, 80))
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    if jobs == 60:
        assert "  and 7 more rows (--json)" in lines and "downloads (30)" in lines
        assert any(line.startswith(f"after {jobs} more jobs, 120 CPU") for line in lines)
        assert any(line.startswith("from  40 files that no job made") for line in lines)
        assert "  and 23 more" in lines


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (["results/tiny/nothing.csv"], "no record of a job that wrote it"),
        (["costs", "a", "b"], "no table costs in results/tiny/tables, expected one of: dataset"),
        (["dataset", "none", "pairs"], "no method 'none', expected one of: all"),
        (["dataset", "all", "none"], "no metric 'none', expected one of: pairs"),
        (["dataset", "all"], "expected a file, or a table, a method and a metric"),
        (["dataset"], "dataset: a table, expected a method and a metric after it, or its file"),
        (["results/tiny/models/clip/no"], "models/clip/no: no such file, expected what download_m"),
        (["results/tiny"], "results/tiny: a results folder, expected a file below it, or a table"),
    ],
)
def test_what_is_not_there_is_one_line(run, capsys, monkeypatch, what, line):
    monkeypatch.chdir(run.project)
    assert main(["trace", *what]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ") and line in said


def test_a_results_folder_is_named_wherever_it_is(run, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # has no results/tiny
    assert main(["trace", str(run.folder)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {run.folder}: a results folder, expected a ")


def test_a_table_that_is_gone_is_no_edited_one(run, capsys, monkeypatch):
    run.path(TABLE).unlink()
    monkeypatch.chdir(run.project)
    assert main(["trace", TABLE]) == 1
    assert f"{TABLE}: no such file, expected what tabulate_d" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["all - none", "all \N{MINUS SIGN} none"])
def test_a_difference_is_named_with_either_sign(run, method):
    text = run.path(TABLE).read_text()
    run.path(TABLE).write_text(f"{text}all \N{MINUS SIGN} none,,pairs,2,,,measured\n")
    (row,) = cell(Results(run.folder, run.project), "dataset", method, "pairs")
    assert (row["method"], row["value"]) == ("all \N{MINUS SIGN} none", 2)


def test_an_edited_table_has_no_chain(run, capsys, monkeypatch):
    run.path(TABLE).write_text(run.path(TABLE).read_text().replace("pairs,3", "pairs,4"))
    monkeypatch.chdir(run.project)
    assert main(["trace", "dataset", "all", "pairs"]) == 1
    assert "not the file that tabulate_dataset wrote" in capsys.readouterr().err


def test_the_commands_exit_code_is_the_worst_tier(run, capsys, monkeypatch):
    monkeypatch.chdir(run.project)
    assert main(["audit", str(run.folder), "--tier", "bytes"]) == 0
    run.path(SHARD).write_text("short")
    assert main(["audit", str(run.folder), "--tier", "bytes"]) == 20
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"bytes: {SHARD}: expected ") and "found 5 bytes" in line
    assert main(["audit", str(run.project / "nowhere")]) == 1
    assert "error: " in capsys.readouterr().err


def test_the_ledger_adds_up_what_the_records_say(run, tmp_path):
    def slow(content):
        content.update(cpu_seconds=5.0, peak_memory_mb=9000.0)
        content["earlier"] = [{"start": content["start"], "cpu_seconds": 2.0}]

    run.edit(SHARD, slow)
    index = tmp_path / "index.parquet"
    pd.DataFrame({"accepted": [True, False, True]}).to_parquet(index)
    write_ledger(run.folder, index, tmp_path / "ledger.csv", tmp_path / "ledger.md")
    table = pd.read_csv(tmp_path / "ledger.csv").set_index("rule")
    shard = table.loc["score_shard"]
    assert (shard["jobs"], shard["retries"], shard["cpu_seconds"]) == (1, 1, 7.0)
    assert shard["cpu_seconds_per_pair"] == 3.5
    whole = table.loc["all rules"]
    assert whole["jobs"] == 6 and whole["peak_memory_mb"] == 9000
    assert whole["bytes_written"] == table["bytes_written"].iloc[:-1].sum() > 0
    assert "2 accepted pairs" in (tmp_path / "ledger.md").read_text()


def test_the_ledger_counts_what_led_to_its_files_and_names_the_rest(run, tmp_path, monkeypatch):
    """After a run with fewer shards the records of the others are still there."""
    monkeypatch.chdir(run.project)
    left = SHARD.replace("00000", "00001")
    play("score_shard", JOBS[2][1], {"shard": left}, {"shard": "00001"})
    index = tmp_path / "index.parquet"
    pd.DataFrame({"accepted": [True]}).to_parquet(index)
    out = tmp_path / "ledger.csv", tmp_path / "ledger.md"
    write_ledger(Path(ROOT), index, *out, targets=[Path(TABLE)])
    table = pd.read_csv(out[0]).set_index("rule")
    assert table.loc["score_shard", "jobs"] == 1 and "write_site" not in table.index
    assert "not counted: 1 × score_shard." in out[1].read_text()
