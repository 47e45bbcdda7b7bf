"""A results folder as an RO-Crate, and what its validation finds."""

import hashlib
import json
import socket
from pathlib import Path
from urllib.parse import unquote

import pytest
import rocrate
from rocrate.rocrate import ROCrate

from toffee.provenance import listing
from toffee.provenance.code import code_digest, module_digests
from toffee.provenance.crate import write_crate
from toffee.provenance.crate.files import LISTED
from toffee.provenance.crate.graph import METADATA, SCHEMA
from toffee.provenance.digests import describe
from toffee.provenance.listing import listing_path
from toffee.provenance.machine import environment
from toffee.provenance.record import PROJECT, VERSION, files_of, seal, stamp
from toffee.provenance.validate import ENTITIES, sample, validate_crate
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest

SEED, STEPS = "#parameter/write_subjects/param/seed", "#parameter/draw_views/param/steps"
PLAN = "toffee.synthesis.plan.plan_shard"
ROOT = "results/test"
EVIL = '</script> "quoted" \\ ü 漢 🍬\n{{x}} %20#?'


class Run:
    """A results folder to which jobs are added that never ran."""

    def __init__(self, folder):
        self.folder = Path(folder, ROOT)
        self.jobs = 0
        config = self.folder / "records/config/0123456789abcdef.json"
        config.parent.mkdir(parents=True)
        config.write_text("{}\n")

    def place(self, path):
        return self.folder / Path(path).relative_to(ROOT)

    def write(self, path, text="x"):
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def add(self, rule, output, input=None, params=None, wildcards=None, read=None, **changes):
        """Record a job whose outputs are there; `read` describes inputs that are not."""
        self.jobs += 1
        inputs = {path: describe(self.place(path)) for path in files_of(input or {}) if not read}
        record = {
            "version": VERSION,
            "rule": rule,
            "wildcards": wildcards or {},
            "root": ROOT,
            "input": input or {},
            "output": output,
            "inputs": {path: _read(found) for path, found in (read or inputs).items()},
            "outputs": {path: describe(self.place(path)) for path in files_of(output)},
            "log": f"{ROOT}/logs/{rule}.log",
            "benchmark": f"{ROOT}/benchmarks/{rule}.tsv",
            "params": params or {},
            "code": {"sha256": code_digest(PLAN), "modules": {"workflow/x.py": "0" * 16}},
            "config": "0123456789abcdef",
            "environment": environment() | {"lock": "e" * 64, "installed": "0" * 16},
            "git": {"commit": "c" * 40, "changed": False},
            "seed": (params or {}).get("seed"),
            "device": "cpu",
            "threads": 1,
            "seconds": 2.5,
            "cpu_seconds": 1.25,
            "gpu_seconds": 0.0,
            "peak_memory_mb": 100.0,
            "start": stamp(1767225600 + self.jobs),
            "end": "2026-01-02T00:00:00.123+00:00",
            "slurm_job_id": None,
            "attempt": 1,
            "earlier": [],
        } | changes
        first = Path(files_of(output)[0]).relative_to(ROOT)
        path = self.folder / "records" / f"{first}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(seal(record)), encoding="utf-8")
        return path

    def crate(self):
        """Write the crate; its entities by @id."""
        write_crate(self.folder, self.folder / METADATA, self.folder / "source")
        return entities(self.folder)


def _read(found):
    return {"sha256": found["sha256"], "size": found["size"]}


def entities(folder):
    document = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    return {one["@id"]: one for one in document["@graph"]}


def edit(folder, change):
    """Change the entities of a written crate."""
    path = folder / METADATA
    document = json.loads(path.read_text(encoding="utf-8"))
    change({one["@id"]: one for one in document["@graph"]})
    path.write_text(json.dumps(document), encoding="utf-8")


def ids(value):
    return {one["@id"] for one in (value if isinstance(value, list) else [value])}


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture
def run(tmp_path):
    """Jobs with folders, lists, wildcards, no seed, files of the repository, and evil strings."""
    run = Run(tmp_path)
    for number in range(LISTED + 1):
        run.write(f"{ROOT}/world/subjects/{number}.jpg", str(number))
    run.write(f"{ROOT}/models/clip/config.json")
    run.write(f"{ROOT}/models/clip/deep/weights é.safetensors", "weights")
    run.add("write_subjects", {"subjects": f"{ROOT}/world/subjects"}, params={"seed": 7})
    zoo = {"workflow/zoo/clip/model.safetensors": {"sha256": "a" * 64, "size": 9}}
    run.add(
        "download_model",
        {"model": f"{ROOT}/models/clip"},
        input={"zoo": list(zoo)},
        read=zoo,
        wildcards={"role": "clip"},
    )
    prompts = {
        "../elsewhere/config/prompts/tiny.yaml": describe(PROJECT / "config/prompts/tiny.yaml")
    }
    run.write(f"{ROOT}/dataset/plan.parquet", "plan")
    run.add(
        "plan_shard",
        {"plan": f"{ROOT}/dataset/plan.parquet"},
        input={"prompts": list(prompts)[0]},
        read=prompts,
        params={"evil": EVIL, "kinds": {"a": [0.5, None]}, "none": None, "on": True, "seed": 0},
        code={"sha256": code_digest(PLAN), "modules": module_digests(PLAN)},
    )
    shards = [f"{ROOT}/dataset/shards/0000{number}.h5" for number in range(3)]
    for number, shard in enumerate(shards):
        run.write(shard, f"shard {number}")
        run.add(
            "finish_shard",
            {"shard": shard},
            input={"plan": f"{ROOT}/dataset/plan.parquet", "subjects": f"{ROOT}/world/subjects"},
            wildcards={"shard": f"0000{number}"},
            params={"evil": EVIL, "seed": number},
        )
    run.write(f"{ROOT}/dataset/index.parquet")
    run.write(f"{ROOT}/dataset/funnel ü#.csv")
    run.add(
        "filter_dataset",
        {"index": f"{ROOT}/dataset/index.parquet", "funnel": f"{ROOT}/dataset/funnel ü#.csv"},
        input={"shards": shards},
    )
    return run


def test_it_is_valid_in_all_profiles_without_a_network(run, no_network):
    run.crate()
    assert validate_crate(run.folder / METADATA) == []


def test_each_profile_finds_its_faults(run, no_network):
    found = run.crate()

    def spoil(entities):
        del entities["./"]["license"]
        del entities["source/Snakefile"]["programmingLanguage"]
        del entities["#job/dataset/plan.parquet"]["instrument"]
        del entities["#parameter/write_subjects/param/seed"]["additionalType"]
        entities["#control/dataset/shards/00001.h5"]["instrument"] = {"@id": "./"}
        entities["#job/dataset/shards/00002.h5"]["startTime"] = "yesterday"

    assert "#job/dataset/plan.parquet" in found
    edit(run.folder, spoil)
    lines = validate_crate(run.folder / METADATA)
    for profile, what in {
        "ro-crate-1.1": "license",
        "workflow-ro-crate-1.0": "language",
        "process-run-crate-0.5": "MUST have an instrument",
        "workflow-run-crate-0.5": "additionalType",
        "provenance-run-crate-0.5": "HowToStep",
    }.items():
        assert any(line.startswith(profile) and what in line for line in lines), profile
    assert any("00002.h5" in line and "startTime" in line for line in lines)
    assert not any("\n" in line for line in lines)


def test_a_large_crate_is_validated_by_what_differs_in_it(run, no_network):
    plan = f"{ROOT}/dataset/plan.parquet"
    for number in range(300):
        out = f"{ROOT}/dataset/stages/views/{number:05}.h5"
        run.write(out, str(number))
        run.add("draw_views", {"views": out}, input={"plan": plan}, params={"steps": number})
    found = run.crate()
    assert len(found) > ENTITIES
    assert len(sample(list(found.values()))) < ENTITIES
    assert validate_crate(run.folder / METADATA) == []
    # Neither of these is the first, nor the last, of its kind.
    edit(run.folder, lambda all: all["#job/dataset/stages/views/00123.h5"].pop("instrument"))
    edit(run.folder, lambda all: all["#job/dataset/stages/views/00217.h5"].update(endTime="now"))
    # Parameters look alike too, but for one that is of no type that there is, and one of none.
    edit(run.folder, lambda all: all[SEED].update(additionalType="Nonsense"))
    edit(run.folder, lambda all: all[STEPS].pop("additionalType"))
    lines = validate_crate(run.folder / METADATA)
    assert any("views/00123.h5" in line and "instrument" in line for line in lines)
    assert any("views/00217.h5" in line and "endTime" in line for line in lines)
    assert any(SEED in line for line in lines) and any(STEPS in line for line in lines)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"@graph": {}}', '{"@graph": [{"a": 1}]}'])
def test_what_is_no_crate_is_a_finding(tmp_path, text):
    (tmp_path / METADATA).write_text(text)
    assert len(validate_crate(tmp_path / METADATA)) == 1


def test_a_sample_keeps_what_is_malformed():
    strange = {"@id": "#a", "@type": {"x": 1}, "object": [{"@id": []}, 1, None]}
    assert sample([strange]) == [strange]


def test_every_file_has_its_digest_and_size(run):
    found = run.crate()
    files = {name: one for name, one in found.items() if "File" in one["@type"]}
    for name, file in files.items():
        if not name.startswith("#"):
            content = (run.folder / unquote(name)).read_bytes()
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
            assert file["contentSize"] == str(len(content))
        assert len(file["sha256"]) == 64 and file["contentSize"].isdigit()
    assert "dataset/index.parquet" in files and "source/config/published/dreambench.csv" in files


def test_a_folder_is_listed_unless_it_has_many_files(run):
    found = run.crate()
    assert ids(found["models/clip/"]["hasPart"]) == {
        "models/clip/config.json",
        "models/clip/deep/weights%20%C3%A9.safetensors",
    }
    world = found["world/subjects/"]
    assert world["sha256"] == describe(run.folder / "world/subjects")["sha256"]
    assert "hasPart" not in world and str(LISTED + 1) in world["description"]


def test_a_folder_with_its_list_beside_the_record_is_the_same(run):
    """But for the record's own digest."""
    found = run.crate()
    for path in (f"{ROOT}/models/clip", f"{ROOT}/world/subjects"):
        place = run.folder / "records" / f"{Path(path).relative_to(ROOT)}.json"
        record = json.loads(place.read_text())
        table = listing_path(place)
        listing.write(iter(record["outputs"][path]["files"].items()), table)
        record["outputs"][path]["files"] = file_digest(table)
        place.write_text(json.dumps(seal(record)))
    beside = run.crate()
    for one in (found, beside):
        for entity in one.values():
            if entity["@id"] in ("#job/models/clip", "#job/world/subjects"):
                assert len(entity.pop("identifier")) == 64
    assert beside == found
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(ToffeeError, match="subjects.json.files: expected the list of files"):
        run.crate()


def test_the_same_records_give_the_same_bytes(run):
    run.crate()
    first = (run.folder / METADATA).read_bytes()
    run.crate()
    assert (run.folder / METADATA).read_bytes() == first
    assert b"2026-01-02T00:00:00.123+00:00" in first


def test_a_job_is_an_action(run):
    found = run.crate()
    job = found["#job/dataset/shards/00001.h5"]
    assert job["startTime"].startswith("2026-01-01T") and job["startTime"].endswith(".000+00:00")
    assert job["result"] == {"@id": "dataset/shards/00001.h5"}
    assert {"dataset/plan.parquet", "world/subjects/"} <= ids(job["object"])
    values = {found[one]["name"]: found[one].get("value") for one in ids(job["object"])}
    assert (values["seed"], values["shard"], values["evil"]) == (1, "00001", EVIL)
    usage = {found[one]["name"]: found[one]["value"] for one in ids(job["resourceUsage"])}
    assert usage == {"seconds": 2.5, "cpu_seconds": 1.25, "peak_memory_mb": 100.0}
    environment = {found[one]["name"]: found[one]["value"] for one in ids(job["environment"])}
    assert environment["commit"] == "c" * 40 and environment["lock"] == "e" * 64
    assert found["#control/dataset/shards/00001.h5"]["object"] == {"@id": job["@id"]}
    assert ids(found["#run"]["object"]) == {one for one in found if one.startswith("#control/")}


def test_inputs_are_what_was_read(run):
    found = run.crate()
    shards = {f"dataset/shards/0000{number}.h5" for number in range(3)}
    job = found["#job/dataset/index.parquet"]
    assert ids(job["object"]) == shards
    assert ids(job["result"]) == {"dataset/index.parquet", "dataset/funnel%20%C3%BC%23.csv"}
    assert ids(found["#shards"]["hasPart"]) == shards | {"dataset/index.parquet"}
    planned = ids(found["#job/dataset/plan.parquet"]["object"])
    assert "source/config/prompts/tiny.yaml" in planned
    zoo = f"#elsewhere/{'a' * 16}/workflow/zoo/clip/model.safetensors"
    assert zoo in ids(found["#job/models/clip"]["object"]) and found[zoo]["sha256"] == "a" * 64
    assert zoo in ids(found["#workflow-run"]["object"])
    assert "dataset/plan.parquet" not in ids(found["#workflow-run"]["result"])


def test_what_was_replaced_or_removed_is_not_said_to_be_here(run):
    before = describe(run.folder / "dataset/plan.parquet")["sha256"]
    run.write(f"{ROOT}/dataset/plan.parquet", "another plan")
    run.add("plan_shard", {"plan": f"{ROOT}/dataset/plan.parquet"})
    (run.folder / "dataset/index.parquet").unlink()
    found = run.crate()
    old = f"#elsewhere/{before[:16]}/dataset/plan.parquet"
    assert old in ids(found["#job/dataset/shards/00000.h5"]["object"])
    assert found["dataset/plan.parquet"]["sha256"] != before == found[old]["sha256"]
    assert "dataset/index.parquet" not in found


def test_the_tool_is_the_copied_script_only_if_that_is_what_ran(run):
    found = run.crate()
    tool = "source/workflow/toffee/synthesis/plan.py"
    assert found["#job/dataset/plan.parquet"]["instrument"] == {"@id": tool}
    assert found[tool]["version"] == code_digest(PLAN)
    assert "SoftwareSourceCode" in found[tool]["@type"]
    other = found["#job/dataset/shards/00000.h5"]["instrument"]["@id"]
    assert other.startswith("#script/finish_shard/")
    assert ids(found["#step/finish_shard"]["workExample"]) == {other}


def test_another_library_reads_it(run):
    run.crate()
    crate = ROCrate(run.folder)
    assert crate.mainEntity.id == "source/Snakefile"
    assert crate.root_dataset["datePublished"] == "2026-01-02T00:00:00.123+00:00"
    assert crate.get("#job/models/clip")["instrument"].id.startswith("#script/download_model/")


def test_terms_are_those_of_ro_crate(run):
    run.crate()
    ours = json.loads((run.folder / METADATA).read_text(encoding="utf-8"))["@context"]
    path = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
    theirs = json.loads(path.read_text(encoding="utf-8"))["@context"]
    schema = {term for term, iri in ours.items() if iri.startswith(SCHEMA)}
    assert len(schema) > 40
    assert {term: ours[term] for term in schema} == {term: theirs[term] for term in schema}


def test_an_edited_record_is_refused(run):
    path = run.add("plan_shard", {"plan": f"{ROOT}/dataset/plan.parquet"})
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    with pytest.raises(ToffeeError, match="plan.parquet.json: expected content with SHA-256"):
        run.crate()
    assert not (run.folder / METADATA).exists()


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(ToffeeError, match="no records"):
        Run(tmp_path).crate()
