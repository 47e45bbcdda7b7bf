"""What a record says of a job."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from toffee.launch.job import job
from toffee.launch.rerun import recorded_job
from toffee.provenance import digests
from toffee.provenance.code import rule_functions
from toffee.provenance.digests import describe, sha256_of
from toffee.provenance.record import seal, when_recorded
from toffee.provenance.results import Results
from toffee.provenance.schema import SCHEMA, Record, schema_text
from toffee.provenance.sources import describe_input
from toffee.runtime import processes
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import link_or_copy

ROOT = "results/tiny"
MODEL, INDEX = f"{ROOT}/models/clip", f"{ROOT}/dataset/index.parquet"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.yaml").write_text("contexts: []\n")
    return tmp_path


def do(rule, inputs, outputs, fails=False, resources=None, **params):
    """A job that writes its name into its outputs."""
    params["function"] = rule_functions()[rule]
    names = {"rule": rule, "input": inputs, "output": outputs, "params": params}
    rest = {"wildcards": {}, "threads": 1, "log": f"{ROOT}/logs/{rule}.log"}
    snakemake = recorded_job(names | rest, {"scale": "tiny", "seed": 3})
    snakemake.resources = resources or {}
    with job(snakemake):
        if fails:
            raise ToffeeError("no")
        for path in map(Path, outputs.values()):
            file = path if path.suffix else path / "weights.safetensors"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(rule)


def record_of(output):
    return json.loads(Path(ROOT, "records", f"{Path(output).relative_to(ROOT)}.json").read_text())


def test_what_was_read_and_written(here):
    do("download_model", {}, {"model": MODEL}, digests={"a": "b"})
    do(
        "filter_dataset",
        {"clip": [MODEL, "prompts.yaml"]},
        {"index": INDEX, "no": "results/tiny/b.csv"},
    )
    first, second = record_of(MODEL), record_of(INDEX)
    assert second["input"] == {"clip": [MODEL, "prompts.yaml"]}
    assert second["inputs"][MODEL] == {
        "sha256": first["outputs"][MODEL]["sha256"],
        "size": len("download_model"),
        "record": first["sha256"],
    }
    assert second["inputs"]["prompts.yaml"]["sha256"] == describe("prompts.yaml")["sha256"]
    assert set(second["outputs"]) == {INDEX, "results/tiny/b.csv"}
    assert record_of("results/tiny/b.csv") == {"see": "dataset/index.parquet.json"}
    assert first["params"]["digests"] == {"a": "b"} and first["attempt"] == 1
    assert seal(second)["sha256"] == second["sha256"]
    assert Results(Path(ROOT), here).config(Results(Path(ROOT)).producer(MODEL))["seed"] == 3
    for content in (first, second):
        Record.model_validate(content)


def test_what_processes_beside_the_job_took(here):
    names = {"rule": "train_toffeenet", "input": {}, "output": {"model": MODEL}}
    names["params"] = {"function": rule_functions()["train_toffeenet"]}
    rest = {"wildcards": {}, "threads": 1, "log": f"{ROOT}/logs/a.log", "processes": 4}
    with job(recorded_job(names | rest, {"scale": "tiny"})):
        processes.JOB.gpus, processes.JOB.cpu_seconds = ["H100"] * 4, 10_000.0
        Path(MODEL).mkdir(parents=True)
        Path(MODEL, "weights.safetensors").write_text("a")
    record = record_of(MODEL)
    assert (record["processes"], record["device"]) == (4, "H100")
    assert record["gpu_seconds"] == pytest.approx(4 * record["seconds"], rel=0.1)
    assert record["cpu_seconds"] >= 10_000
    Record.model_validate(record)
    do("filter_dataset", {}, {"index": INDEX})
    assert (record_of(INDEX)["processes"], record_of(INDEX)["device"]) == (1, "cpu")


def test_a_folders_digest_is_that_of_sha256sums_lines(here):
    (here / "folder" / "deep").mkdir(parents=True)
    for name in ("b.txt", "deep/a.txt", "ä.txt"):
        (here / "folder" / name).write_text(name)
    (here / "folder" / ".snakemake_timestamp").touch()
    names = sorted(["b.txt", "deep/a.txt", "ä.txt"])
    done = subprocess.run(["sha256sum", *names], cwd="folder", capture_output=True, check=True)
    assert describe("folder")["sha256"] == hashlib.sha256(done.stdout).hexdigest()


def test_what_did_not_change_is_not_read_again(here, monkeypatch):
    do("download_model", {}, {"model": MODEL})
    read = []
    monkeypatch.setattr(
        "toffee.provenance.digests.file_digest", lambda path: read.append(path) or "0" * 64
    )
    known = record_of(MODEL)["outputs"][MODEL]["sha256"]
    assert describe_input(MODEL, ROOT)["sha256"] == sha256_of(MODEL) == known
    assert read == []
    Path(MODEL, "weights.safetensors").write_text("another")
    assert describe_input(MODEL, ROOT)["sha256"] != known and len(read) == 1


def link(inputs, outputs, change=""):
    """A job that gives its input a second name inside of a folder, and may change it then."""
    names = {"rule": "export_dataset", "input": inputs, "output": outputs}
    names["params"] = {"function": rule_functions()["export_dataset"]}
    rest = {"wildcards": {}, "threads": 1, "log": f"{ROOT}/logs/export_dataset.log"}
    with job(recorded_job(names | rest, {"scale": "tiny"})):
        Path(outputs["hub"]).mkdir(parents=True)
        (second,) = (Path(outputs["hub"], Path(path).name) for path in inputs.values())
        link_or_copy(next(iter(inputs.values())), second)
        if change:
            second.write_text(change)


def test_an_input_under_a_second_name_is_not_read_again(here, monkeypatch):
    do("filter_dataset", {}, {"index": INDEX})
    read = []
    true = digests.file_digest
    monkeypatch.setattr(digests, "file_digest", lambda path: read.append(path) or true(path))
    hub = f"{ROOT}/dataset/hub"
    link({"index": INDEX}, {"hub": hub})
    assert not [path for path in read if str(path).startswith(hub)]
    made = record_of(hub)["outputs"][hub]
    assert made["files"]["index.parquet"]["sha256"] == true(INDEX)
    assert made == describe(hub)  # which reads every byte


def test_an_input_that_changed_under_its_second_name_is_seen(here, capsys):
    do("filter_dataset", {}, {"index": INDEX})
    with pytest.raises(SystemExit):
        link({"index": INDEX}, {"hub": f"{ROOT}/dataset/hub"}, change="other content")
    assert f"{INDEX} changed while this job read it" in capsys.readouterr().err


def test_a_foreign_folder_is_read_once(here, monkeypatch):
    (here / "photos").mkdir()
    (here / "photos" / "a.jpg").write_bytes(b"a")
    known = describe_input("photos", ROOT)
    monkeypatch.setattr("toffee.provenance.digests.file_digest", lambda path: pytest.fail(path))
    assert describe_input("photos", ROOT) == known


def test_a_failed_attempt_is_told_by_the_next(here):
    with pytest.raises(SystemExit):
        do("filter_dataset", {}, {"index": INDEX}, fails=True)
    assert not Path(ROOT, "records", "dataset", "index.parquet.json").exists()
    do("filter_dataset", {}, {"index": INDEX})
    record = record_of(INDEX)
    assert record["attempt"] == 2 and len(record["earlier"]) == 1
    do("filter_dataset", {}, {"index": INDEX})
    assert record_of(INDEX)["attempt"] == 1


def test_a_job_that_its_group_has_to_repeat_tells_what_it_had_cost(here):
    do("draw_views", {}, {"index": INDEX}, resources={"submission": 1})
    first = record_of(INDEX)
    do("draw_views", {}, {"index": INDEX}, resources={"submission": 2})
    record = record_of(INDEX)
    assert record["attempt"] == 2
    assert record["earlier"][0]["start"] == first["start"]
    assert record["earlier"][0]["cpu_seconds"] == first["cpu_seconds"]
    Record.model_validate(record)
    do("draw_views", {}, {"index": INDEX}, resources={"submission": 1})  # asked for anew
    assert record_of(INDEX)["attempt"] == 1


def test_a_killed_attempt_is_told_by_the_next(here):
    mark = Path(ROOT, "records", "dataset", "index.parquet.json.started")
    mark.parent.mkdir(parents=True)
    mark.write_text('{"attempts": [{"start": "2026-01-01T00:00:00.000+00:00"}]}')
    do("filter_dataset", {}, {"index": INDEX})
    assert record_of(INDEX)["attempt"] == 2 and not mark.exists()


def test_what_waits_for_the_record_is_done_when_it_is_there(here):
    """What a killed job would have continued from goes, and not before the record."""
    seen = []

    def note():
        seen.append(record_of(INDEX)["rule"])

    when_recorded(note)
    with pytest.raises(SystemExit):
        do("filter_dataset", {}, {"index": INDEX}, fails=True)
    do("filter_dataset", {}, {"index": INDEX})
    assert seen == []
    when_recorded(note)
    do("filter_dataset", {}, {"index": INDEX})
    do("filter_dataset", {}, {"index": INDEX})
    assert seen == ["filter_dataset"]


def test_the_schema_on_disk_is_the_models():
    assert SCHEMA.read_text() == schema_text()
