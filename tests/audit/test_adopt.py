"""Results that were copied here: what Snakemake is told of them."""

import json
import os
import time

import pytest

from toffee.launch.adopt import ONLY_PLANNING, adopt, kept_path, metadata_path
from toffee.launch.params import shown
from toffee.runtime.errors import ToffeeError

from .conftest import JOBS, ROOT, SHARD, TABLE, play


def metadata(output):
    return json.loads(metadata_path(".snakemake", output).read_text())


def test_values_inputs_checksums_and_times(run, monkeypatch):
    monkeypatch.chdir(run.project)
    record = json.loads(run.record(SHARD).read_text())
    os.utime(SHARD)  # as a copy has it
    assert adopt(ROOT).jobs == len(JOBS)
    told = metadata(SHARD)
    assert told["params"] == sorted(shown(*pair) for pair in record["params"].items())
    assert told["input"] == sorted(record["inputs"])
    checksums = {path: f"sha256:{read['sha256']}" for path, read in record["inputs"].items()}
    assert told["input_checksums"] == checksums
    assert os.stat(SHARD).st_mtime_ns == record["outputs"][SHARD]["mtime_ns"]
    assert adopt(ROOT).jobs == 0


def test_other_results_in_the_same_place_are_told_anew(run, monkeypatch):
    """Snakemake remembers the results that were here before; these were made with other values.
    They may be older ones that were put back, whose records it has seen."""
    monkeypatch.chdir(run.project)
    adopt(ROOT)
    known = metadata(TABLE)
    place = metadata_path(".snakemake", TABLE)
    other = json.dumps(known | {"params": ["max_copy_rate = 0.9"]})
    place.write_text(other)
    assert adopt(ROOT).jobs == 1 and metadata(TABLE) == known
    assert adopt(ROOT).jobs == 0
    place.write_text(other)
    os.utime(place, ns=(0, 0))
    os.utime(run.record(TABLE), ns=(time.time_ns(), time.time_ns()))
    assert adopt(ROOT).jobs == 1 and metadata(TABLE) == known


def test_what_another_user_keeps_is_taken_from_the_records(run, monkeypatch):
    """Snakemake lets its own user and group alone read its metadata."""
    monkeypatch.chdir(run.project)
    adopt(ROOT)
    monkeypatch.setattr("os.access", lambda path, mode: "metadata" not in str(path))
    monkeypatch.setattr("toffee.launch.adopt.read_json", read_but_metadata)
    told = adopt(ROOT, write=False)
    assert told.jobs == len(JOBS) and told.metadata[SHARD] == metadata(SHARD)


def read_but_metadata(path):
    assert "metadata" not in str(path)
    return json.loads(path.read_text())


def test_new_jobs_of_the_same_folder_are_told(run, monkeypatch):
    monkeypatch.chdir(run.project)
    adopt(ROOT)
    metadata_path(".snakemake", SHARD).unlink()
    play(*JOBS[2])
    assert adopt(ROOT).jobs == 1


def test_an_audits_dry_run_tells_nothing(run, monkeypatch):
    monkeypatch.chdir(run.project)
    monkeypatch.setenv(ONLY_PLANNING, "1")
    assert adopt(ROOT).jobs == 0 and not metadata_path(".snakemake", SHARD).exists()


def test_a_job_that_ended_well_after_its_snakemake_is_not_incomplete(run, monkeypatch):
    monkeypatch.chdir(run.project)
    done, not_done = (kept_path(".snakemake", path, "incomplete") for path in (SHARD, "a/b.h5"))
    for mark in (done, not_done):
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text('{"external_jobid": "7"}')
    adopt(ROOT)
    assert not done.exists() and not_done.exists()


def test_a_run_that_only_looks_is_told_without_a_word_on_disk(run, monkeypatch):
    monkeypatch.chdir(run.project)
    os.utime(SHARD)
    time = os.stat(SHARD).st_mtime_ns
    told = adopt(ROOT, write=False)
    assert told.jobs == len(JOBS) and not metadata_path(".snakemake", SHARD).exists()
    assert os.stat(SHARD).st_mtime_ns == time
    made = json.loads(run.record(SHARD).read_text())["outputs"][SHARD]
    assert told.times[SHARD] == made["mtime_ns"] / 1e9
    adopt(ROOT)
    assert told.metadata[SHARD] == metadata(SHARD)


def test_what_is_gone_is_named_known_or_not(run, monkeypatch):
    monkeypatch.chdir(run.project)
    assert adopt(ROOT).gone == []
    os.unlink(SHARD)
    assert adopt(ROOT).gone == [SHARD]


def test_a_renamed_folder_is_told_under_its_new_name(run, monkeypatch):
    monkeypatch.chdir(run.project)
    os.rename(ROOT, "results/mine")
    assert adopt("results/mine").jobs == len(JOBS)
    assert not metadata_path(".snakemake", SHARD).exists()
    told = metadata(SHARD.replace(ROOT, "results/mine"))
    assert all(path.startswith("results/mine/") for path in told["input"])
    assert told["input"] == sorted(told["input_checksums"])


def test_what_cannot_be_renamed_is_refused(run, monkeypatch):
    monkeypatch.chdir(run.project)
    run.edit(TABLE, lambda content: content["params"].update(note=f"see {ROOT}/x"))
    os.rename(ROOT, "results/mine")
    with pytest.raises(ToffeeError, match=r"tables/dataset.csv.json: made as results/tiny, and"):
        adopt("results/mine")
