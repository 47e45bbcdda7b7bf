"""Ledger, crate and verdict are made again from the records that they tell of."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toffee.audit import recompute
from toffee.audit.notes import Notes
from toffee.audit.recompute import check_recomputed, check_verdict
from toffee.launch.job import job
from toffee.launch.rerun import recorded_job
from toffee.provenance.crate import write_crate
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PROJECT
from toffee.tables.ledger import accepted_pairs, write_ledger

from .conftest import CONFIG, HANDED_OVER, INDEX, ROOT, TABLE, planned_job

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


def do(rule, inputs, outputs, write):
    planned = vars(planned_job(rule, inputs, outputs, {}))
    with job(recorded_job({name: planned[name] for name in HANDED_OVER}, CONFIG)):
        write()


def found(run):
    return list(check_recomputed(Results(run.folder, run.project), Notes()))


def test_what_is_true_has_no_finding(told):
    notes = Notes()
    assert not list(check_recomputed(Results(told.folder, told.project), notes))
    assert "compared: 3 (write_site, write_ledger, write_crate)" in notes.lines[0]


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
