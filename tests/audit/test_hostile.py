"""What is read from a results folder is hostile until checked: a line each, soon, no traceback."""

import json
import os
import socket
import time

import pytest

from toffee.audit import graph
from toffee.audit.notes import Notes
from toffee.audit.run import audit
from toffee.cli import main
from toffee.provenance.record import seal
from toffee.runtime.project import PROJECT

from .conftest import ROOT, SHARD, TABLE
from .test_faults import audited, caught

RECORD = "records/dataset/shards/00000.h5.json"


@pytest.fixture(autouse=True)
def quickly():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a": ' * 3_000 + b"1" + b"}" * 3_000,
        b'{"version": ' + b"9" * 6_000 + b"}",
        b'{"rule": "\xff\xfe"}',
        b'{"seconds": NaN}',
        b"null",
        b"3",
        b'{"see": {"a": []}}',
        b"\x00" * 100,
        b"",
        b'{"root": "results/tiny", "outputs": [], "params": 3, "input": null}',
    ],
)
@pytest.mark.parametrize("below", ["dataset/shards/00000.h5.json", "new.json", "earlier/x/y.json"])
def test_a_record_that_is_none(run, data, below):
    path = run.folder / "records" / below
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    assert audited(run)


@pytest.mark.parametrize(
    "left", ["", "dataset/half.h5.json.started", "config/0123456789abcdef.json"]
)
def test_nothing_is_not_clean(tmp_path, left, capsys):
    records = tmp_path / "empty" / "records"
    records.mkdir(parents=True)
    if left:
        (records / left).parent.mkdir()
        (records / left).write_text("{}")
    assert main(["audit", str(tmp_path / "empty")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: {tmp_path}/empty/records: no records, expected those of a run"


def test_records_of_which_none_is_valid_are_no_drawings(run):
    for path in (run.folder / "records").rglob("*.json"):
        path.write_text("{}")
    notes = Notes()
    found = audit(run.folder, notes=notes)
    assert caught(found, "schema", RECORD)
    assert not [line for line in notes.lines if "drawings" in line]


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a": 1' + b"0" * 6_000 + b"}", b"\xff", b"[]"])
@pytest.mark.parametrize("folder", ["config", "shared"])
def test_a_shared_text_that_is_none(run, data, folder):
    for path in (run.folder / "records" / folder).glob("*.json"):
        path.write_bytes(data)
    assert caught(audited(run), "graph", "records/")


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"source": 3}},
        {"params": {"source": {"zoo": ["a"]}, "digests": [1], "zoo": {}}},
        {"params": {"source": {"repo": "a/b", "files": 3}}},
        {"params": {"deep": json.loads("[" * 900 + "]" * 900)}},
        {"config": "../../../../etc/passwd"},
        {"run": "../../etc/passwd"},
        {"seconds": float("nan")},
        {"input": {"a": "x" * 5_000}, "inputs": {"x" * 5_000: {"sha256": "0" * 64, "size": 1}}},
        {"input": {"a": "a\0b"}, "inputs": {"a\0b": {"sha256": "0" * 64, "size": 1}}},
        {"input": {"a": "/dev/zero"}, "inputs": {"/dev/zero": {"sha256": "0" * 64, "size": 1}}},
        {"input": {"a": "/"}, "inputs": {"/": {"sha256": "0" * 64, "size": 1}}},
        {"input": {"a": "/proc"}, "inputs": {"/proc": {"sha256": "0" * 64, "size": 1}}},
        {"input": {"a": "\ud800"}, "inputs": {"\ud800": {"sha256": "0" * 64, "size": 1}}},
        {"start": "0001-01-01T00:00:00+00:00", "end": "9999-12-31T23:59:59+00:00"},
        {"start": "0001-01-01T00:00:00+14:00"},
        {"start": "9999-12-31T23:59:59+00:00", "end": "9999-12-31T23:59:59+00:00"},
        {"earlier": [{"start": "9999-12-31T23:59:59-14:00"}]},
        {"threads": 10**400},
        {"log": f"{ROOT}/logs/{'y' * 5_000}.log"},
        {"benchmark": f"{ROOT}/a\0b"},
    ],
)
@pytest.mark.parametrize("name", [f"{ROOT}/models/clip", SHARD])
def test_values_of_a_record(run, change, name, capsys):
    run.edit(name, lambda content: content.update(change))
    findings = audited(run)
    assert findings
    for finding in findings:
        str(finding).encode()


def test_a_size_that_no_file_has(run):
    run.edit(SHARD, lambda content: content["outputs"][SHARD].update(size=10**400))
    (found,) = caught(audited(run), "schema", RECORD)
    assert "less than 9223372036854775808" in found.found


def test_yaml_that_stands_for_gigabytes(run):
    """It lies in the folder, so a record can name it as what its job read."""
    lines = ["a: &a0 [x, x, x]", *(f"b{n}: &a{n + 1} [*a{n}, *a{n}]" for n in range(40))]
    (run.project / "bomb.yaml").write_text("\n".join(lines))
    read = {"bomb.yaml": {"sha256": "0" * 64, "size": 1}}
    run.edit(SHARD, lambda content: content["inputs"].update(read))
    assert caught(audited(run), "graph", "bomb.yaml")


@pytest.mark.parametrize("error", [OverflowError, ZeroDivisionError, RecursionError, MemoryError])
def test_what_a_check_cannot_compute_is_a_finding(run, error, monkeypatch):
    def fail(*_):
        raise error("too much")
        yield

    monkeypatch.setattr(graph, "check_surroundings", fail)
    (found,) = audited(run)
    assert found.found == f"{error.__name__}: too much"


@pytest.mark.parametrize("name", ["a\x1b[31m\x07", "\udcff\udcfe", "a\u202eb", "n\nm", "x" * 255])
def test_names_on_a_terminal(run, name, capsysbinary):
    os.close(os.open(os.fsencode(run.folder) + b"/" + os.fsencode(name), os.O_CREAT | os.O_WRONLY))
    assert main(["audit", str(run.folder), "--tier", "bytes"]) == 20
    (line,) = capsysbinary.readouterr().out.splitlines()
    assert not any(byte < 32 for byte in line) and line.decode().isprintable()


def test_pipes_devices_sockets_and_links(run, tmp_path):
    """In the place of files, of records, of logs and of benchmarks, and beside them."""
    for place in (
        run.path(SHARD),
        run.record(TABLE),
        run.folder / "more",
        run.folder / "records/more.json",
        run.folder / "records/config/0123456789abcdef.json",
        run.folder / "logs/score_shard/00000.log",
        run.folder / "attestation.json",
    ):
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(place)
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(run.folder, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)
    found = audited(run)
    logs = ("logs/score_shard/00000.log",)
    for name in (SHARD, "tables/dataset.csv.json", "more", "socket", "attestation.json", *logs):
        assert any(name in one.file for one in found), name


def test_links_that_lead_round_in_circles(run):
    for folder in (run.folder, run.folder / "records", run.folder / "models/clip"):
        for name in ("one", "two"):
            (folder / name).symlink_to(folder)
    (run.folder / "self").symlink_to("self")
    assert audited(run)


def test_links_out_of_the_folder(run, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "secret.txt").write_text("secret")
    (run.folder / "models/clip/more").symlink_to(tmp_path / "many")
    names = ("file", "logs/score_shard/00000.log", "benchmarks/more", ".x.0a1b2c3d.tmp")
    for name in names:
        (run.folder / name).unlink(missing_ok=True)
        (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (run.folder / name).symlink_to(tmp_path / "secret")
    found = audited(run)
    for name in ("models/clip/more", *names):
        assert [one for one in found if one.file.endswith(name) and "a link to" in one.found]
    assert not any("secret.txt" in one.file for one in found)


def test_a_linked_results_folder_is_one(run, tmp_path):
    (tmp_path / "linked").symlink_to(run.folder)
    run.folder = tmp_path / "linked"
    assert audited(run) == []


@pytest.mark.parametrize("what", [[TABLE], ["dataset", "all", "pairs"]])
def test_no_trace_of_a_record_whose_seal_is_broken(run, what, capsys, monkeypatch):
    monkeypatch.chdir(run.project)
    run.edit(SHARD, lambda content: content["params"].update(seed=9), sealed=False)
    assert main(["trace", *what]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert RECORD in line and "edited" in line


def test_a_trace_escapes_what_it_prints(run, capsys, monkeypatch):
    monkeypatch.chdir(run.project)
    evil = "\x1b]0;title\x07"
    run.forge(lambda content: content["params"].update(note=evil))
    assert main(["trace", TABLE]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_number_leads_with_its_own_chain(run, capsys, monkeypatch):
    monkeypatch.chdir(run.project)
    assert main(["trace", "dataset", "all", "pairs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "pairs = 3" in lines[0]
    assert lines[2].startswith("by    tabulate_dataset")
    # The costliest first; the list goes on in the next line where it is long.
    after, _ = " ".join(" ".join(lines).split()).split("after 3 more jobs, ")[1].split(" downloads")
    jobs = set(after.partition(": ")[2].split(", "))
    assert jobs == {"filter_dataset", "score_shard", "write_subjects"}


def test_a_huge_record_is_refused(run):
    with open(run.record(SHARD), "wb") as file:
        file.truncate(40 * 2**20)
    assert caught(audit(run.folder, "schema"), "schema", RECORD)


def test_a_sealed_record_of_another_version(run):
    path = run.record(SHARD)
    path.write_text(json.dumps(seal(json.loads(path.read_text()) | {"version": 3})))
    assert caught(audited(run, "schema"), "schema", RECORD)


@pytest.mark.parametrize("name", ["--snakefile", "-s", "--profile", "seed", "--", "@/etc/passwd"])
@pytest.mark.parametrize("value", ["/tmp/evil.smk", None, True, ["x"], {"-s": "/tmp/evil.smk"}])
def test_a_recorded_configuration_is_no_option_of_snakemake(name, value, monkeypatch):
    """Snakemake would run the Snakefile that a record names."""
    from toffee.audit import plans

    words = []
    monkeypatch.setattr(plans, "planned_jobs", lambda given, *_: words.extend(given) or ({}, []))
    config = {"seed": 1, name: value}
    plans.plan_of(PROJECT, {"config": config, "configfiles": [["a.yaml", config]]})
    options = [word for word in words if not word.endswith(".json")]
    assert options == ["--forceall", "--cores", "1024", "--configfile", "--", *plans.TARGETS]
    assert len(words) == len(options) + 2
