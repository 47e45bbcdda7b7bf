"""What a run lacks is found before it starts, all at once, and with the way out."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from catalogue import read_set, serve
from PIL import Image

from toffee.config import load_catalogue, load_config
from toffee.plan.preflight import Needs, check_start, look, needs_at_most, needs_of

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "unit" / "download"))

from git_server import commit, git, serving  # noqa: E402

ENCODERS = ("subject_encoder", "metric_dino", "clip")
RULES = {"import_subjects", "import_multiview", "download_dreambench"}


def config_of(tmp_path: Path, url: str = "file:///nowhere", **real: dict):
    """The tiny scale's values with real sources, and the paper's models."""
    values = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    values["models"] |= {"set": "paper", "lock": str(tmp_path / "lock.yaml")}
    values["data"] |= {"source": "real"}
    values["data"]["dreambench"]["url"] = url
    values["data"]["real"] = {
        "subjects": {"kind": "images", "path": str(tmp_path / "photos")},
        "multiview": {"kind": "uco3d", "path": str(tmp_path / "uco3d"), "heldout": 0.1},
        "benchmark": {"kind": "dreambench"},
    } | real
    return load_config(values)


@pytest.fixture
def sources():
    return load_catalogue(PROJECT / "config" / "models.yaml", "paper")


@pytest.fixture
def encoders(hub, client, tmp_path):
    """A hub that has three encoders as the real one does: two of them by a detour."""
    paper = read_set("paper")
    serve(hub, {role: paper[role] for role in ENCODERS}, tmp_path / "served")
    return paper


def test_all_faults_are_found_at_once_each_with_its_key(encoders, hub, sources, tmp_path):
    del hub.repositories[encoders["subject_encoder"]["repo"]]
    config = config_of(tmp_path)
    found = look(Needs([*ENCODERS], RULES), config, sources, PROJECT)
    keys = [line.partition(": ")[0] for line in found.faults]
    assert keys == [
        "config/models.yaml, paper, subject_encoder",
        "data.real.subjects.path",
        "data.real.multiview",
        "data.dreambench.url",
    ]
    assert "dinov2-large is not on the hub, or private" in found.faults[0]
    assert "docs/data.md says how to get it" in found.faults[2]
    assert not [r for r in hub.requests if r[0] == "GET" and r[2] == "cdn"], "nothing is fetched"


def test_what_is_there_is_no_fault_and_what_was_not_looked_at_is_said(encoders, sources, tmp_path):
    for name in ("photos/mug", "uco3d/toys/mug/1-2-3", "git/dreambooth"):
        (tmp_path / name).mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "mug" / "1.jpg")
    (tmp_path / "git" / "dreambooth" / "LICENSE").write_text("CC BY 4.0\n")
    git(tmp_path / "git" / "dreambooth", "init", "--quiet")
    commit(tmp_path / "git" / "dreambooth")
    with serving(tmp_path / "git") as server:
        config = config_of(tmp_path, f"{server.url}/dreambooth")
        found = look(Needs([*ENCODERS], RULES), config, sources, PROJECT)
    assert found.faults == []
    assert found.notes == [
        f"not checked: whether {tmp_path / 'uco3d'} is complete: its import lists every file"
    ]
    assert found.download > 111_700_000


def test_a_gated_model_is_found_though_it_lists_its_files(encoders, hub, sources, tmp_path):
    hub.repositories[encoders["clip"]["repo"]].gated = True
    found = look(Needs(["clip"], set()), config_of(tmp_path), sources, PROJECT)
    assert len(found.faults) == 1 and "is gated: accept its licence" in found.faults[0]
    assert "set HF_TOKEN" in found.faults[0]


def test_a_hub_that_is_away_is_one_fault(client, hub, sources, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    found = look(Needs([*ENCODERS], set()), config_of(tmp_path), sources, PROJECT)
    assert len(found.faults) == 1
    assert found.faults[0].startswith("HF_ENDPOINT: cannot reach the hub at http://127.0.0.1:9")
    assert "HF_HUB_OFFLINE=1" in found.faults[0]
    assert found.notes == [f"not checked: the files of {', '.join(ENCODERS)} (config/models.yaml)"]


def test_offline_the_cache_is_looked_at_and_no_network(
    encoders, hub, sources, tmp_path, monkeypatch
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = look(Needs(["clip"], set()), config_of(tmp_path), sources, PROJECT)
    assert len(found.faults) == 1 and "is not whole in the cache" in found.faults[0]
    assert hub.requests == []


def test_a_run_that_has_all_of_it_asks_nobody(client, hub, sources, tmp_path, capfd):
    assert check_start([("refine_shard", {"shard": "00000"}, ())], config_of(tmp_path), sources)
    assert hub.requests == [] and capfd.readouterr().err == ""
    # Models of the zoo are copied, not downloaded.
    tiny = load_catalogue(PROJECT / "config" / "models.yaml", "tiny")
    assert not needs_of([("download_model", {"role": "clip"}, ())], config_of(tmp_path), tiny)


def test_a_run_that_cannot_start_says_all_on_one_page(encoders, sources, tmp_path, capfd):
    jobs = [
        ("download_model", {"role": "clip"}, ()),
        ("import_subjects", {}, ()),
        ("import_multiview", {}, ()),
    ]
    assert not check_start(jobs, config_of(tmp_path), sources)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "error: this run cannot start, 2 faults:" and len(lines) == 4
    assert lines[3].startswith("  not checked: room for what is drawn")


def test_classes_that_the_source_lacks_are_counted(client, sources, tmp_path):
    (tmp_path / "uco3d" / "toys" / "chicken_(animal)").mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("chicken\nunicorn\ndragon\n")
    drawn = {"kind": "drawn", "classes": str(tmp_path / "classes.txt"), "per_class": 1}
    needs = Needs([], {"import_multiview"})
    found = look(needs, config_of(tmp_path, subjects=drawn), sources, PROJECT)
    assert found.faults == [] and found.notes[-1].startswith("note: 2 of 3 class words")
    shutil.rmtree(tmp_path / "uco3d" / "toys" / "chicken_(animal)")
    (tmp_path / "uco3d" / "toys" / "mug").mkdir()
    found = look(needs, config_of(tmp_path, subjects=drawn), sources, PROJECT)
    assert len(found.faults) == 1 and found.faults[0].startswith("data.real.subjects.classes: ")


def test_without_a_plan_everything_that_is_not_there_is_looked_for(sources, tmp_path):
    given = {"kind": "folder", "path": "a", "heldout_path": "b"}
    config = config_of(tmp_path, multiview=given, subjects={"kind": "folder", "path": "c"})
    (tmp_path / "results" / "models" / "clip").mkdir(parents=True)
    needs = needs_at_most(config, sources, tmp_path / "results")
    assert needs.folders == {
        "data.real.subjects.path": "c",
        "data.real.multiview.path": "a",
        "data.real.multiview.heldout_path": "b",
    }
    assert needs.rules == {"download_dreambench", "list_subjects", "plan_shard"}
    assert "clip" not in needs.roles
    assert set(needs.roles) == set(sources) - {"clip"}


def test_photos_that_no_rule_can_use_are_a_fault_of_the_rule_that_would_stop(
    sources, tmp_path, capfd
):
    (tmp_path / "photos" / "teapot").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "teapot" / "1.jpg")
    (tmp_path / "uco3d" / "toys" / "mug").mkdir(parents=True)
    config = config_of(tmp_path)
    (tmp_path / "texts.txt").touch()
    config = config.model_copy(
        update={
            "synthesis": config.synthesis.model_copy(update={"texts": str(tmp_path / "texts.txt")})
        }
    )
    assert check_start([("import_subjects", {}, ())], config, sources)
    capfd.readouterr()
    assert not check_start([("list_subjects", {}, ()), ("plan_shard", {}, ())], config, sources)
    lines = capfd.readouterr().err.splitlines()
    assert lines[1].startswith(f"  synthesis.texts: {tmp_path / 'texts.txt'}: no prompt")
    assert lines[2].startswith(f"  data.real.subjects: {tmp_path / 'photos'}: nothing is left")


def test_a_folder_of_pictures_is_looked_for_where_a_job_imports_it(sources, tmp_path, capfd):
    config = config_of(tmp_path)
    pictures = {"mine": "nothere", "theirs": str(tmp_path), "other": "nowhere"}
    evaluation = config.evaluation.model_copy(update={"pictures": pictures})
    config = config.model_copy(update={"evaluation": evaluation})
    jobs = [
        ("import_pictures", {"method": name, "draw": "0"}, ["benchmark"])
        for name in ("mine", "theirs")
    ]
    assert not check_start(jobs, config, sources)
    lines = capfd.readouterr().err.splitlines()
    assert lines[:2] == [
        "error: this run cannot start, one fault:",
        "  evaluation.pictures.mine: nothere: no such folder",
    ]


@pytest.fixture
def folders(tmp_path) -> dict[str, dict]:
    """Sources that are used where they are, each as small as it may be."""
    for name in ("a", "b"):
        (tmp_path / name / "mug" / "1" / "images").mkdir(parents=True)
    (tmp_path / "c" / "dataset" / "mug").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "c" / "dataset" / "mug" / "0.jpg")
    prompt = "'a {0} {1}'.format(unique_token, class_token)"
    (tmp_path / "c" / "dataset" / "prompts_and_classes.txt").write_text(
        f"Classes\nsubject_name,class\nmug,mug\nPrompts\nObject Prompts\n{prompt}\n"
    )
    views = {"kind": "folder", "path": str(tmp_path / "a"), "heldout_path": str(tmp_path / "b")}
    return {"multiview": views, "benchmark": {"kind": "folder", "path": str(tmp_path / "c")}}


@pytest.mark.parametrize(
    ("gone", "key", "problem"),
    [
        ("a/mug/1/images", "multiview.path", "a: no sequence"),
        ("b/mug", "multiview.heldout_path", "b: no sequence"),
        ("c/dataset", "benchmark.path", "c/prompts_and_classes.txt: No such file"),
        ("c/dataset/mug", "benchmark.path", "c/dataset/mug: no such folder"),
    ],
)
def test_a_folder_that_is_no_such_source_is_a_fault_where_a_job_reads_it(
    folders, sources, tmp_path, gone, key, problem
):
    config = config_of(tmp_path, **folders)
    jobs = [("score_leakage", {}, ["benchmark", "multiview", "multiview_heldout"])]
    assert look(needs_of(jobs, config, sources), config, sources, PROJECT).faults == []
    shutil.rmtree(tmp_path / gone)
    (line,) = look(needs_of(jobs, config, sources), config, sources, PROJECT).faults
    assert line.startswith(f"data.real.{key}: ") and f"{tmp_path}/{problem}" in line
    other = [("write_site", {}, ["tables"])]
    assert look(needs_of(other, config, sources), config, sources, PROJECT).faults == []


def test_a_local_data_set_is_said_not_to_be_read(sources, tmp_path):
    (tmp_path / "set").mkdir()
    subjects = {"kind": "subjects200k", "repo": str(tmp_path / "set")}
    config, needs = config_of(tmp_path, subjects=subjects), Needs([], {"import_subjects"})
    found = look(needs, config, sources, PROJECT)
    assert found.faults[0].startswith("data.real.subjects.repo: ") and found.notes == []
    (tmp_path / "set" / "notes.txt").touch()
    found = look(needs, config, sources, PROJECT)
    assert found.faults == [] and "is a data set with its columns" in found.notes[0]


def test_an_empty_release_is_a_fault(sources, tmp_path):
    (tmp_path / "uco3d").mkdir()
    needs = Needs([], {"import_multiview"})
    (line,) = look(needs, config_of(tmp_path), sources, PROJECT).faults
    assert line.startswith(
        f"data.real.multiview: {tmp_path / 'uco3d'}: no sequence, expected uco3d"
    )
