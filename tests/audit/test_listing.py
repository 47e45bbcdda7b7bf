"""A folder whose files are listed beside its record is audited as any other."""

import json

import pyarrow.parquet as pq
import pytest

from toffee.audit.content import check_bytes
from toffee.audit.replay import check_replay
from toffee.provenance import listing
from toffee.provenance.record import config_name
from toffee.provenance.results import Results
from toffee.runtime.files import file_digest

from .conftest import BESIDE, MODEL, ROOT, Run
from .test_faults import audited, caught, flip

SUBJECTS = f"{ROOT}/world/subjects"
FILE = f"{SUBJECTS}/ball.jpg"

pytestmark = pytest.mark.parametrize("finished_run", [BESIDE], indirect=True, scope="session")


@pytest.fixture
def tables(run):
    """The tables beside the run's records: of the model, of the subjects, of the page."""
    names = ("models/clip", "world/subjects", "site")
    return [run.folder / "records" / f"{name}.json.files" for name in names]


def test_every_folder_has_a_table_and_no_record_lists_files(run, tables):
    assert set(tables) == set((run.folder / "records").rglob("*.files"))
    made = json.loads(run.record(MODEL).read_text())["outputs"][MODEL]
    assert made["files"] == file_digest(tables[0])


def test_an_edited_a_removed_and_an_added_file(run, tables):
    flip(run.path(FILE))
    assert caught(audited(run), "bytes", FILE)
    run.path(FILE).unlink()
    assert caught(audited(run), "bytes", FILE)
    added = run.path(SUBJECTS) / "deep" / "more.jpg"
    added.parent.mkdir()
    added.write_text("more")
    assert caught(audited(run), "bytes", f"{SUBJECTS}/deep/more.jpg")


def test_an_edited_table(run, tables):
    for table in tables:
        flip(table)
    findings = audited(run, "bytes")
    assert {f.tier for f in findings} == {"schema"}
    assert all(caught(findings, "schema", table.name) for table in tables)


def test_a_lost_table(run, tables):
    tables[1].unlink()
    assert caught(audited(run, "bytes"), "schema", tables[1].name)


def test_a_table_that_was_edited_together_with_its_record(run, tables):
    """Its digest is right then, but not that of the folder."""
    rows = pq.read_table(tables[1]).to_pylist()
    rows[0]["sha256"] = "0" * 64
    entries = [(row.pop("path"), row) for row in rows]
    listing.write(iter(entries), tables[1])
    digest = file_digest(tables[1])
    run.edit(SUBJECTS, lambda content: content["outputs"][SUBJECTS].update(files=digest))
    assert caught(audited(run, "schema"), "schema", tables[1].name)


def test_a_damaged_table_whose_record_names_it(run, tables):
    data = bytearray(tables[1].read_bytes())
    data[30:70] = bytes(40)  # of the first column
    tables[1].write_bytes(data)
    digest = file_digest(tables[1])
    run.edit(SUBJECTS, lambda content: content["outputs"][SUBJECTS].update(files=digest))
    assert caught(audited(run, "bytes"), "schema", tables[1].name)


def test_a_table_of_no_record(run, tables):
    tables[0].with_name("other.json.files").write_bytes(tables[0].read_bytes())
    assert caught(audited(run, "bytes"), "bytes", "records/models/other.json.files")


def test_a_file_within_a_folder_leads_to_its_job(run, tables):
    results = Results(run.folder, run.project)
    record = results.producer(FILE)
    assert record.rule == "write_subjects"
    assert results.made(record, FILE).sha256 == file_digest(run.path(FILE))
    assert results.made(record, f"{SUBJECTS}/none.jpg") is None
    assert results.producer(f"{SUBJECTS}-other/none.jpg") is None


def test_its_job_runs_again(run: Run, tables):
    catalogue = {"catalogue": "config/models.yaml", "set": "tiny", "lock": "lock.yaml"}
    config = json.dumps({"models": catalogue})

    def real(content):
        content["wildcards"] = {"role": "clip"}
        content["config"] = config_name(config)
        (run.folder / "records" / "config" / f"{content['config']}.json").write_text(config)

    run.edit(MODEL, real)
    results = Results(run.folder, run.project)
    assert check_replay(results, 1, ["download_model clip"]) == []
    assert check_bytes(results) == []
    (run.project / "zoo/clip/config.json").write_text('{"role": "clap"}')
    (finding,) = check_replay(results, 1, ["download_model clip"])
    assert finding.tier == "replay"
