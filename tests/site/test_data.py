"""What stands in the page's scripts, without a browser."""

import ast
import json
import re
from pathlib import Path

import pytest

from toffee.provenance import listing
from toffee.provenance.record import seal
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest
from toffee.site import jobs as module
from toffee.site.jobs import Jobs, describe_chain, write_jobs

from .runs import METHODS, ROOT, write_page, write_run


def read(script: Path):
    """The data of a script."""
    literal = re.fullmatch(r"Store\.put\(('.*?'), ('.*')\);\n", script.read_text(), re.DOTALL)
    return json.loads(ast.literal_eval(literal[2]))


@pytest.fixture
def jobs(tmp_path) -> Jobs:
    write_run(tmp_path / ROOT, shards=3)
    return Jobs(Results(tmp_path / ROOT), own=f"{ROOT}/site")


def test_the_job_of_the_page_itself_is_left_out(jobs):
    assert "site.json" in jobs.results.records
    assert "write_site" not in jobs.by_rule
    assert len(jobs.records) == len(jobs.results.records) - 1


def test_a_chain_holds_all_ancestors_from_the_last_to_the_first(jobs):
    chain = describe_chain(jobs, f"{ROOT}/tables/dreambench.csv")
    shown = [id for step in chain["steps"] for id, *_ in step["jobs"]]
    table = jobs.results.producer(f"{ROOT}/tables/dreambench.csv")
    ancestors = jobs.results.ancestors(table)
    assert sorted(shown) == sorted(jobs.ids[jobs.results.name_of(one)] for one in ancestors)
    assert sum(step["count"] for step in chain["steps"]) == len(ancestors)
    assert shown[0] == "tabulate_dreambench/0"
    firsts = [step["rule"] for step in chain["steps"]]
    assert firsts.index("score_shard") < firsts.index("refine_shard") < firsts.index("draw_initial")
    assert all(path.startswith("workflow/zoo/") for path, *_ in chain["sources"])
    assert len(chain["sources"]) == 4
    assert describe_chain(jobs, f"{ROOT}/tables/other.csv") is None


def test_every_record_stands_in_one_chunk_in_the_order_of_the_list(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1)
    write_jobs(jobs, tmp_path / "jobs")
    listed = read(tmp_path / "jobs/score_dreambench.js")
    assert listed["chunks"] == [0, 1, 2]
    assert [row[:2] for row in listed["rows"]] == [[method, "0"] for method in METHODS]
    for number, method in enumerate(METHODS):
        (record,) = read(tmp_path / f"jobs/score_dreambench.{number}.js")["records"]
        assert record["wildcards"] == {"method": method, "seed": "0"}


def test_long_lists_of_jobs_are_cut_and_counted(jobs, monkeypatch):
    monkeypatch.setattr(module, "NEIGHBOURS", 2)
    (index,) = jobs.by_rule["filter_dataset"]
    (step,) = module.neighbours(jobs, jobs.before[index])
    assert (step["rule"], step["count"]) == ("score_shard", 3)
    assert [wildcards for _, wildcards in step["jobs"]] == [["00000"], ["00001"]]


def test_files_of_a_folder_are_the_same_from_a_list_beside_the_record(jobs, monkeypatch):
    monkeypatch.setattr(module, "FILES", 2)
    (name,) = jobs.by_rule["write_world"]
    place, path = jobs.results.folder / "records" / name, f"{ROOT}/world/subjects"
    record = json.loads(place.read_text())
    made = record["outputs"][path]
    before = module.describe_job(jobs, name)["outputs"][0]
    assert before[-1] == len(made["files"]) > 2 == len(before[-2])
    made["size"] = sum(file["size"] for file in made["files"].values())
    files = sorted(made["files"].items())
    listing.write(iter(files), listing.listing_path(place))
    made["files"] = file_digest(listing.listing_path(place))
    place.write_text(json.dumps(seal(record)))
    results = Results(jobs.results.folder)
    after = module.describe_job(Jobs(results, own=f"{ROOT}/site"), name)["outputs"][0]
    assert after[-2:] == [[[n, f["sha256"], f["size"]] for n, f in files[:2]], before[-1]]
    assert place not in {problem[0] for problem in results.problems}


def test_edges_of_rules_are_those_of_their_jobs(jobs):
    edges = {(before, after): number for before, after, number in jobs.edges()}
    assert edges["score_shard", "filter_dataset"] == 3
    assert edges["download_model", "pretrain_refiner"] == 2
    assert ("score_dreambench", "tabulate_dreambench") in edges
    assert all(before != after for before, after in edges)


def test_an_edited_record_is_told(tmp_path):
    write_run(tmp_path / ROOT, shards=1)
    record = tmp_path / ROOT / "records/dataset/index.parquet.json"
    record.write_text(record.read_text().replace("12345", "54321"))
    run = module.describe_run(Jobs(Results(tmp_path / ROOT), own=""))
    assert [row[0] for row in run["problems"]["rows"]] == ["records/dataset/index.parquet.json"]


def test_nothing_is_left_where_an_input_cannot_be_read(tmp_path):
    with pytest.raises(ToffeeError, match=r"audit\.tsv"):
        write_page(tmp_path, shards=1, audit="no verdict\n")
    left = [path.name for path in (tmp_path / ROOT).iterdir() if "site" in path.name]
    assert left == []
