"""Ledger, crate and verdict are made again from the records that they tell of."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toffee.audit import limits, recompute
from toffee.audit.notes import Notes
from toffee.audit.recompute import check_recomputed, check_verdict
from toffee.evaluation.names import ALL
from toffee.evaluation.oracle import check_oracle
from toffee.evaluation.scores_file import write_scores
from toffee.launch.job import job
from toffee.launch.rerun import recorded_job
from toffee.provenance.crate import write_crate
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.runtime.project import PROJECT
from toffee.tables.ledger import accepted_pairs, write_ledger

from .conftest import CONFIG, HANDED_OVER, INDEX, JOBS, ROOT, TABLE, planned_job, play

CSV, PAGE = f"{ROOT}/tables/ledger.csv", f"{ROOT}/tables/ledger.md"
CRATE, SOURCE = f"{ROOT}/ro-crate-metadata.json", f"{ROOT}/source"
VERDICT = f"{ROOT}/verdict.tsv"


@pytest.fixture
def told(run, monkeypatch):
    """The run with a true ledger and a true crate."""
    monkeypatch.chdir(run.project)
    for module in ("audit.recompute", "tables.ledger"):
        monkeypatch.setattr(f"toffee.{module}.accepted_pairs", lambda _: 2)
    do(
        "write_ledger",
        {"targets": [TABLE], "index": INDEX},
        {"csv": CSV, "page": PAGE},
        lambda: write_ledger(ROOT, INDEX, CSV, PAGE, targets=[TABLE]),
    )
    do(
        "write_crate",
        {"targets": [TABLE, CSV]},
        {"out": CRATE, "source": SOURCE},
        lambda: write_crate(ROOT, CRATE, SOURCE, PROJECT, [TABLE, CSV]),
    )
    return run


def do(rule, inputs, outputs, write, **params):
    planned = vars(planned_job(rule, inputs, outputs, {}))
    planned["params"].update(params)
    with job(recorded_job({name: planned[name] for name in HANDED_OVER}, CONFIG)):
        write()


def found(run):
    return list(check_recomputed(Results(run.folder, run.project), Notes()))


def test_what_is_true_has_no_finding(told):
    notes = Notes()
    assert not list(check_recomputed(Results(told.folder, told.project), notes))
    assert "compared: 3 (write_site, write_ledger, write_crate)" in notes.lines[0]


def test_what_is_left_over_is_named_in_the_crate_and_the_ledger(told):
    """Jobs for other targets, or of more shards than there are now."""
    left = f"{ROOT}/dataset/plan/00001.parquet"
    do("plan_shard", {"index": INDEX}, {"plan": left}, lambda: write_text(left, "plan"))
    write_ledger(Path(ROOT), Path(INDEX), Path(CSV), Path(PAGE), targets=[Path(TABLE)])
    write_crate(Path(ROOT), Path(CRATE), Path(SOURCE), PROJECT, [TABLE])
    document = json.loads(Path(CRATE).read_text())["@graph"]
    (root,) = [one for one in document if one["@id"] == "./"]
    assert "and not described: 1 × plan_shard." in root["description"]
    assert not [one["@id"] for one in document if "00001" in one["@id"]]
    assert "and not counted: 1 × plan_shard." in Path(PAGE).read_text()
    assert "plan_shard" not in Path(CSV).read_text()


def test_under_another_name_too(told):
    mine = told.folder.with_name("mine")
    told.folder.rename(mine)
    assert not list(check_recomputed(Results(mine, told.project), Notes()))


def test_a_ledger_with_another_number(told):
    text = told.path(CSV).read_text()
    told.path(CSV).write_text(text.replace("score_shard,1,", "score_shard,2,"))
    (finding,) = found(told)
    assert finding.file == CSV and finding.found.startswith("score_shard,2,")


def test_a_crate_that_says_something_else(told):
    document = json.loads(told.path(CRATE).read_text())
    action = next(e for e in document["@graph"] if e["@id"].endswith("dataset/index.parquet"))
    action["sha256"] = "0" * 64
    told.path(CRATE).write_text(json.dumps(document))
    (finding,) = found(told)
    assert finding.file == CRATE and "sha256" in finding.expected and "000" in finding.found


def test_a_crate_of_an_older_snakemake_is_fine(told):
    text = told.path(CRATE).read_text()
    document = json.loads(text)
    engine = next(one for one in document["@graph"] if "softwareVersion" in one)
    engine["softwareVersion"] = "9.0.0"
    told.path(CRATE).write_text(json.dumps(document))
    assert not found(told)


SCORES, GATE = f"{ROOT}/evaluation/oracle.parquet", f"{ROOT}/evaluation/oracle.json"


@pytest.fixture
def gated(run, monkeypatch):
    """The run with a gate: real photos score 0.7, and 0.71 was published."""
    monkeypatch.chdir(run.project)
    rows = [[f"subject {n % 3}", f"{n}", "dino", 0.6 + n % 3 / 10] for n in range(6)]
    table = pd.DataFrame(rows, columns=["subject", "prompt", "metric", "value"])
    table = table.assign(method="real photos", setting="", references=ALL)

    do(
        "score_oracle",
        {"model": f"{ROOT}/models/clip"},
        {"scores": SCORES},
        lambda: write_scores(table, SCORES),
    )

    def write(tolerance):
        check_oracle(scores=SCORES, out=GATE, dino=0.71, clip_i=None, tolerance=tolerance)

    def gate(tolerance, write=write):
        values = {"dino": 0.71, "clip_i": None, "tolerance": tolerance}
        do("check_oracle", {"scores": SCORES}, {"out": GATE}, lambda: write(tolerance), **values)
        return found(run)

    run.gate, run.write_gate = gate, write
    return run


def test_a_gate_that_the_scores_pass(gated):
    assert gated.gate(0.02) == []


def test_a_gate_that_was_opened_to_pass(gated):
    """Run with 0.5, and then its record says 0.001, as the configuration has it."""

    def write(tolerance):
        gated.write_gate(0.5)
        text = Path(GATE).read_text()
        Path(GATE).write_text(text.replace('"tolerance": 0.5', f'"tolerance": {tolerance}'))

    (finding,) = gated.gate(0.001, write)
    assert finding.file == GATE and "dino 0.7000 where 0.7100 was published" in finding.found


def test_a_gate_whose_verdict_is_another(gated):
    (finding,) = gated.gate(0.02, lambda tolerance: gated.write_gate(0.5))
    assert finding.file == GATE and finding.found == "0.5" and "tolerance 0.02" in finding.expected


@pytest.mark.parametrize("text", ["[]", "3", '{"metrics": []}', "nothing"])
def test_a_gate_that_is_none(gated, text):
    def write(tolerance):
        gated.write_gate(tolerance)
        Path(GATE).write_text(text)

    assert gated.gate(0.02, write)


def test_scores_that_unpack_to_gigabytes(gated, monkeypatch):
    monkeypatch.setattr(limits, "MOST_SCORES", 5)
    (finding,) = gated.gate(0.02)
    assert "6 rows of" in finding.found


def test_a_job_that_runs_again_after_ledger_and_crate_makes_no_lie_of_them(told):
    """It writes the same bytes, so Snakemake makes neither again: they tell of the run before."""
    play(*JOBS[4])
    assert not found(told)
    text = told.path(CSV).read_text()
    told.path(CSV).write_text(text.replace("tabulate_dataset,1,", "tabulate_dataset,2,"))
    assert [one.file for one in found(told)] == [CSV]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("verdict\tclean\t0 findings\t{now}\n", True),
        ("verdict\tgraph\t1 findings\t{now}\ngraph\ta\tb\tc\n", False),
        ("verdict\tclean\t0 findings\t2020-01-01T00:00:00+00:00\n", False),
        ("", False),
    ],
)
def test_a_verdict_that_this_audit_does_not_have(told, text, good):
    path = told.path(VERDICT)

    def write() -> None:
        path.write_text(text.format(now=datetime.now(UTC).isoformat(timespec="seconds")))

    do(
        "write_verdict",
        {"targets": [TABLE]},
        {"out": VERDICT},
        write,
    )
    results = Results(told.folder, told.project)
    assert (not list(check_verdict(results, []))) is good


def test_an_index_that_unpacks_to_much_more(tmp_path, monkeypatch):
    """Its rows are read a few at a time, and only where they are true or false."""
    accepted = pa.array([True, False, True, None])
    pq.write_table(pa.table({"accepted": accepted}), tmp_path / "index.parquet")
    assert accepted_pairs(tmp_path / "index.parquet") == 2
    monkeypatch.setattr("toffee.tables.ledger.MOST_PAIRS", 3)
    with pytest.raises(ToffeeError, match="4 rows of bool"):
        accepted_pairs(tmp_path / "index.parquet")
    pq.write_table(pa.table({"accepted": ["x" * 1000]}), tmp_path / "index.parquet")
    with pytest.raises(ToffeeError, match="1 rows of string, expected true or false"):
        accepted_pairs(tmp_path / "index.parquet")
    (tmp_path / "index.parquet").write_bytes(b"PAR1")
    with pytest.raises(ToffeeError, match="expected the filter's index"):
        accepted_pairs(tmp_path / "index.parquet")


@pytest.mark.parametrize("escaped", [False, True])
def test_jobs_that_run_after_the_page_are_no_lie_of_the_page(tmp_path, escaped):
    """It counts the jobs that it does not tell of: more of them come with other targets."""
    texts = []
    for left in ({}, {"score_oracle": 1, "draw_views": 3}):
        data = json.dumps({"run": {"written": "2026-11-29", "left": left}, "rules": [1]})
        (tmp_path / "site.js").write_text(json.dumps(data) if escaped else data)
        texts.append(recompute._text(tmp_path / "site.js"))
    assert texts[0] == texts[1] and "rules" in texts[0]
