"""From a file or a number to its downloads, and what it all took."""

import json
from pathlib import Path

import pandas as pd
import pytest

from toffee.cli import main
from toffee.provenance.results import Results
from toffee.provenance.trace import trace
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
    assert main(["trace", TABLE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(TABLE) and any("download_model clip" in line for line in lines)
    assert any(line.strip("│└├─ ").startswith("zoo/clip/config.json") for line in lines)
    assert main(["trace", "dataset", "all", "pairs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["value"]) for row in told["cell"]] == [("all", 3)]
    assert told["chain"]["job"] == "tabulate_dataset"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (["results/tiny/nothing.csv"], "no record of a job that wrote it"),
        (["costs", "a", "b"], "no table costs in results/tiny/tables, expected one of: dataset"),
        (["dataset", "none", "pairs"], "no method 'none', expected one of: all"),
        (["dataset", "all", "none"], "no metric 'none', expected one of: pairs"),
        (["dataset", "all"], "expected a file, or a table, a method and a metric"),
    ],
)
def test_what_is_not_there_is_one_line(run, capsys, monkeypatch, what, line):
    monkeypatch.chdir(run.project)
    assert main(["trace", *what]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ") and line in said


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
