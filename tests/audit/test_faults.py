"""Every lie is caught: by the right tier, in a line that names the file; and the truth passes."""

import json
import os
import shutil
from datetime import datetime, timedelta

import pytest

from toffee.audit.content import check_bytes
from toffee.audit.findings import exit_code
from toffee.audit.graph import check_graph
from toffee.audit.run import audit
from toffee.audit.schema import check_schema
from toffee.download.lock import Entry, SourceLock
from toffee.download.model import write_manifest
from toffee.provenance.code import code_digest
from toffee.provenance.record import config_name
from toffee.provenance.results import Results
from toffee.runtime.files import file_digest

from .conftest import INDEX, JOBS, MODEL, PAGE, ROOT, SHARD, TABLE, play


def audited(run, tier="graph"):
    """Findings of the run, with its own files of the repository."""
    from toffee.audit import run as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Results", lambda folder: Results(folder, run.project))
        return audit(run.folder, tier)


def caught(findings, tier, file):
    """Whether a finding of the tier names the file."""
    return [f for f in findings if f.tier == tier and file in f"{f.file} {f.found}"]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    stamp = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def other_digest(content, path):
    content["outputs"][path]["sha256"] = "0" * 64


def test_a_clean_run_has_no_finding(run):
    assert audited(run) == []


def test_a_run_copied_to_another_path_has_no_finding(run, tmp_path):
    shutil.move(run.folder, tmp_path / "elsewhere")
    run.folder = tmp_path / "elsewhere"
    assert audited(run) == []


def test_a_resumed_run_has_no_finding(run, monkeypatch):
    """A job that failed once, and then ended well: the failed attempt is told, not a lie."""
    monkeypatch.chdir(run.project)
    for name, inputs, outputs, wildcards in JOBS[2:]:
        if name == "score_shard":
            broken = {"shard": f"{ROOT}/dataset/shards/00000.h5", "more": f"{ROOT}/no/such/file"}
            with pytest.raises(SystemExit), pytest.MonkeyPatch.context() as patch:
                patch.setattr("pathlib.Path.write_text", fail_on(SHARD))
                play(name, inputs, broken, wildcards)
        play(name, inputs, outputs, wildcards)
    assert audited(run) == []
    record = json.loads(run.record(SHARD).read_text())
    assert record["attempt"] == 2 and record["earlier"][0]["cpu_seconds"] > 0


def fail_on(name):
    from pathlib import Path

    from toffee.runtime.errors import ToffeeError

    write = Path.write_text

    def fails(self, *arguments, **keywords):
        if str(self) == name:
            raise ToffeeError("no")
        return write(self, *arguments, **keywords)

    return fails


@pytest.mark.parametrize("file", [SHARD, f"{MODEL}/config.json", TABLE])
def test_a_flipped_byte(run, file):
    flip(run.path(file))
    findings = audited(run)
    assert caught(findings, "bytes", file) and exit_code(findings) == 20


def test_a_truncated_shard(run):
    data = run.path(SHARD).read_bytes()
    run.path(SHARD).write_bytes(data[:-5])
    findings = audited(run)
    assert caught(findings, "bytes", SHARD) and exit_code(findings) == 20


def test_a_missing_file(run):
    run.path(TABLE).unlink()
    assert caught(audited(run), "bytes", TABLE)


def test_a_number_edited_together_with_its_record(run):
    """A careless forger is told by the record itself, a careful one by the job that read it."""
    from toffee.runtime.files import file_digest

    table = run.path(TABLE)
    table.write_text(table.read_text().replace("tabulate", "tabulata"))

    def forge(content):
        content["outputs"][TABLE]["sha256"] = file_digest(table)

    run.edit(TABLE, forge, sealed=False)
    findings = audited(run)
    assert caught(findings, "schema", "records/tables/dataset.csv.json")
    run.edit(TABLE, forge)
    findings = audited(run)
    assert not caught(findings, "schema", "") and not caught(findings, "bytes", TABLE)
    assert caught(findings, "graph", TABLE) and exit_code(findings) == 30


def test_an_edited_value_of_a_record(run):
    """Bytes may be right and the claim about them wrong: the records after it know the old one."""
    run.edit(SHARD, lambda content: content["params"].update(seed=7))
    assert caught(audited(run), "graph", "records/dataset/shards/00000.h5.json")


def test_a_deleted_record(run):
    run.record(SHARD).unlink()
    findings = audited(run)
    assert caught(findings, "graph", SHARD) and exit_code(findings) == 30
    run.record(PAGE).unlink()
    assert caught(audited(run), "graph", PAGE)


def test_an_input_edge_removed(run):
    def forget(content):
        del content["inputs"][MODEL], content["input"]["clip"]

    run.edit(SHARD, forget)
    (finding,) = [f for f in audited(run) if MODEL in f.expected]
    assert finding.tier == "graph" and "shards/00000.h5.json" in finding.file


def test_two_producers(run):
    def claim(content):
        content["outputs"][INDEX] = content["outputs"][TABLE]
        content["output"]["more"] = INDEX

    run.edit(TABLE, claim)
    (finding,) = [f for f in audited(run) if f.expected == "one producer"]
    assert finding.tier == "graph" and finding.file == INDEX


def test_a_cycle(run):
    def read_itself(content):
        content["inputs"][TABLE] = {"sha256": "0" * 64, "size": 1}

    run.edit(SHARD, read_itself)
    (finding,) = [f for f in audited(run) if "a cycle" in f.found]
    assert finding.tier == "graph" and "score_shard 00000" in finding.found


def test_an_end_before_the_start(run):
    def turn_back(content):
        start = datetime.fromisoformat(content["start"])
        content["end"] = (start - timedelta(seconds=1)).isoformat()

    run.edit(TABLE, turn_back)
    assert caught(audited(run), "graph", "records/tables/dataset.csv.json")


def test_a_start_before_the_input_was_there(run):
    def too_early(content):
        content["start"] = "2020-01-01T00:00:00.000+00:00"

    run.edit(TABLE, too_early)
    (finding,) = [f for f in audited(run) if "a start after" in f.expected]
    assert finding.file == "records/tables/dataset.csv.json"


def test_a_file_of_another_run(run, tmp_path, monkeypatch):
    """Alone it has other bytes; with its record it is not what the next job read."""
    text = run.path(SHARD).read_text()
    run.path(SHARD).write_text(text.replace("score", "store"))
    findings = audited(run)
    assert caught(findings, "bytes", SHARD) and exit_code(findings) == 20
    monkeypatch.chdir(run.project)
    play(*JOBS[2], text="of another run")
    findings = audited(run)
    assert caught(findings, "graph", SHARD) and not caught(findings, "bytes", "")


def test_an_undeclared_file(run):
    extra = run.folder / "tables" / "better.csv"
    extra.write_text("method,value\n")
    findings = audited(run)
    assert caught(findings, "bytes", "tables/better.csv") and exit_code(findings) == 20


def test_a_model_that_is_not_the_declared_one(run):
    """Another model, with a record that says so, is still not the one of the zoo's manifest."""
    path = run.project / "zoo" / "clip" / "config.json"
    path.write_text('{"role": "clop"}')
    write_manifest(run.project / "zoo", {"clip": {"seed": 0}})
    assert caught(audited(run), "graph", "records/models/clip.json")

    def other(content):
        content["params"]["digests"] = {"config.json": "1" * 64}

    run.edit(MODEL, other)
    assert caught(audited(run), "graph", f"{MODEL}/config.json")


@pytest.mark.parametrize(
    ("locked", "is_right"),
    [("the digest", True), ("another digest", False), ("nothing", False)],
)
def test_a_model_of_a_hub_is_the_locked_one(run, locked, is_right):
    key, lock = "owner/clip@" + "c" * 40, SourceLock(run.project / "lock.yaml", "owner/clip", None)
    file = run.path(f"{MODEL}/config.json")
    digest = file_digest(file) if locked == "the digest" else "1" * 64
    if locked != "nothing":
        lock.record(key, {"part/config.json": Entry(sha256=digest, size=file.stat().st_size)})

    def of_a_hub(content):
        source = {"repo": "owner/clip", "files": ["*.json"], "subfolder": "part"}
        content["params"] |= {"source": source, "digests": {}}
        text = json.dumps({"models": {"lock": "lock.yaml"}})
        content["config"] = config_name(text)
        (run.folder / "records" / "config" / f"{content['config']}.json").write_text(text)

    run.edit(MODEL, of_a_hub)
    assert caught(audited(run), "graph", f"{MODEL}/config.json") is not is_right


def test_code_changed_after_the_run(run, monkeypatch):
    def changed(function):
        return "2" * 64 if function.endswith("filter_dataset") else code_digest(function)

    monkeypatch.setattr("toffee.audit.graph.code_digest", changed)
    findings = audited(run)
    (finding,) = findings
    assert finding.tier == "graph" and "filter_dataset" in finding.expected
    assert exit_code(findings) == 30


def test_a_record_that_is_none(run):
    run.record(SHARD).write_text('{"version": 1}')
    findings = audited(run, "schema")
    assert caught(findings, "schema", "records/dataset/shards/00000.h5.json")
    assert exit_code(findings) == 10


def test_a_changed_file_of_the_repository(run):
    path = run.project / "zoo" / "clip" / "config.json"
    path.write_text('{"role": "clap"}')
    assert caught(audited(run), "graph", "zoo/clip/config.json")


def test_tiers_are_checked_down_to_the_one_asked_for(run):
    flip(run.path(SHARD))
    assert audited(run, "schema") == []
    assert exit_code(audited(run, "bytes")) == 20


def test_an_edited_configuration(run):
    (path,) = (run.folder / "records" / "config").glob("*.json")
    path.write_text(path.read_text().replace("tiny", "tyni"))
    assert caught(audited(run), "graph", f"records/config/{path.name}")


def test_a_folder_whose_list_is_not_its_digest(run):
    def shorten(content):
        content["outputs"][MODEL]["files"] = {}

    run.edit(MODEL, shorten)
    assert caught(audited(run, "schema"), "schema", "records/models/clip.json")


def test_a_record_in_anothers_place(run):
    shutil.copy(run.record(TABLE), run.folder / "records" / "tables" / "better.csv.json")
    assert caught(audited(run, "schema"), "schema", "records/tables/better.csv.json")


def test_a_record_that_writes_elsewhere(run):
    """Replay would write there."""

    def elsewhere(content):
        content["output"] = {"csv": "/etc/passwd"}
        content["outputs"] = {"/etc/passwd": content["outputs"][TABLE]}

    run.edit(TABLE, elsewhere)
    (finding,) = audited(run, "schema")
    assert "expected paths below results/tiny" in finding.found


def test_a_file_that_was_lost_and_made_again_is_no_lie(run, monkeypatch):
    """Its bytes are the same, so what was made from it stays as it is."""
    monkeypatch.chdir(run.project)
    run.path(TABLE).unlink()
    play(*JOBS[4])
    assert audited(run) == []


def test_what_a_killed_job_left_is_no_lie(run):
    (run.folder / "tables" / ".dataset.0a1b2c3d.tmp.csv").write_text("half")
    (run.folder / "records" / "tables" / ".dataset.csv.0a1b2c3d.tmp.json").write_text("{")
    assert audited(run) == []


def test_a_chain_can_be_audited_while_others_work(run):
    """The page's verdict: an old page, and files whose record is yet to come, do not matter."""
    run.record(PAGE).unlink()
    (run.folder / "half.h5").write_text("half")
    results = Results(run.folder, run.project).only([TABLE])
    assert not [*check_schema(results), *check_bytes(results), *check_graph(results)]
    flip(run.path(SHARD))
    assert caught(check_bytes(results), "bytes", SHARD)


def test_a_finding_is_one_line(run):
    (run.folder / "a\nbytes: b: expected c, found d").write_text("")
    (finding,) = audited(run, "bytes")
    assert len(str(finding).splitlines()) == 1


def test_a_target_without_a_record_is_no_clean_one(run):
    """The page's verdict is of its targets alone."""
    other = f"{ROOT}/tables/other.csv"
    assert not [one for one in audit(run.folder, "bytes", targets=[TABLE]) if one.file == TABLE]
    found = audit(run.folder, "bytes", targets=[TABLE, other])
    assert [(one.tier, one.file, one.found) for one in found if one.file == other] == [
        ("schema", other, "none")
    ]
