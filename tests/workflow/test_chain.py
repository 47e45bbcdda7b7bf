"""The whole chain with models of the real classes: untrained, two steps each, but nothing stubbed.

Target `all` of the procedural world, and a table that the page does not show. Every table and
figure is made in tests/hub/test_paper_scale.py.
"""

import json
import os
import shutil
import subprocess
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import yaml
from checkout import copy_checkout

from toffee.storage.reader import Shard

from .conftest import Project
from .kills import AGAIN, digests, kill_at_random
from .small_chain import CONFIG, TARGETS, configure, run, toffee

TABLES = ("base", "refiner", "views", "dreambench", "dataset", "strength")
FIGURES = ("pipeline", "refiner", "views", "editing", "toffeenet", "worst", "dataset")


@pytest.fixture(scope="module")
def chain(fork_server, random_zoo, tmp_path_factory):
    """A finished run; (project, results). The project is as it is, with a zoo of random weights."""
    folder = tmp_path_factory.mktemp("chain") / "project"
    copy_checkout(folder)
    shutil.copytree(random_zoo, folder / "workflow" / "zoo")
    configure(folder, CONFIG)
    project = Project(folder, fork_server)
    results = project.folder / "results" / "chain"
    run(project, "results/chain/dataset/shards/00000.h5")
    with Shard(results / "dataset" / "shards" / "00000.h5") as shard:
        generation = shard.column("kind") == "generation"
        middle = float(np.median(shard.column("text_alignment")[generation]))
    thresholds = CONFIG["filter"] | {"min_text_alignment": middle}
    configure(project.folder, CONFIG | {"filter": thresholds})
    run(project, *TARGETS)
    return project, results


def test_everything_is_there_and_a_second_run_has_nothing_to_do(chain):
    project, results = chain
    for name in TABLES:
        assert (results / "tables" / f"{name}.md").stat().st_size > 100
    for name in FIGURES:
        assert (results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (results / "dataset" / "hub" / "croissant.json").is_file()
    again = run(project, *TARGETS)
    assert "Nothing to be done" in again.stdout + again.stderr
    left = [p for p in results.rglob("*") if ".tmp" in p.name or p.name.endswith(".partial")]
    assert not left


def test_a_missing_file_behind_files_that_are_there_is_named(chain, tmp_path):
    """As an interrupted `--forcerun refine_shard` leaves it; the audit finds it too."""
    project, results = chain
    stage = results / "dataset" / "stages" / "refined" / "00000.h5"
    stage.rename(tmp_path / stage.name)
    try:
        done = run(project, *TARGETS, "--dry-run")
    finally:
        (tmp_path / stage.name).rename(stage)
    assert "Nothing to be done" in done.stdout + done.stderr
    missing = "results/chain: missing, though their records are there: "
    assert f"{missing}1 (results/chain/dataset/stages/refined/00000.h5); " in done.stderr
    assert missing not in run(project, *TARGETS, "--dry-run").stderr


def test_all_files_follow_the_umask(chain):
    """A colleague can read them, as every other new file of this user."""
    project, results = chain
    probe = project.folder / "probe"
    probe.touch()
    mode = probe.stat().st_mode & 0o777
    files = [path for path in results.rglob("*") if path.is_file()]
    assert {path for path in files if path.stat().st_mode & mode != mode} == set()


def test_every_stored_picture_has_its_digest(chain):
    _, results = chain
    files = sorted(results.rglob("*.h5"))
    assert len(files) > 5 + 8  # four stages and the shard; the evaluation's pictures
    for path in files:
        with Shard(path) as shard:
            shard.verify()


def test_editing_pairs_are_equal_outside_of_their_masks(chain):
    _, results = chain
    with Shard(results / "dataset" / "shards" / "00000.h5") as shard:
        editing = np.flatnonzero(shard.column("kind") != "generation")
        assert len(editing) > 4
        for row in editing:
            before, after, mask = (
                shard.arrays(name, [row])[0] for name in ("input", "target", "mask")
            )
            assert np.array_equal(before[~mask], after[~mask])


def test_what_leaves_is_what_was_accepted_under_the_repositorys_licence(chain):
    _, results = chain
    index = pd.read_parquet(results / "dataset" / "index.parquet")
    (exported,) = (results / "dataset" / "hub" / "data").iterdir()
    pairs = pd.read_parquet(exported)
    assert pairs["sample_id"].tolist() == index["sample_id"][index["accepted"]].tolist()
    assert set(pairs["licence"]) == {"apache-2.0"}
    assert exported.samefile(results / "dataset" / "export" / "00000.parquet")
    plan = pd.read_parquet(results / "dataset" / "plan" / "00000.parquet").set_index("sample_id")
    assert [int(seed) for seed in pairs["seed_initial"]] == [
        plan["seed_initial"][name] for name in pairs["sample_id"]
    ]


def test_the_pipeline_draws(chain):
    from diffusers import DiffusionPipeline
    from PIL import Image

    _, results = chain
    pipe = DiffusionPipeline.from_pretrained(results / "pipeline", trust_remote_code=True)
    photo = sorted((results / "world" / "subjects" / "images").iterdir())[1]
    (drawn,) = pipe("a ball in the snow", subject=Image.open(photo), seed=0).images
    assert drawn.size == (64, 64) and np.array(drawn).std() > 1


@pytest.fixture(scope="module")
def audited(chain) -> subprocess.CompletedProcess:
    """The audit, in which some jobs are run again."""
    project, _ = chain
    jobs = ("plan_shard 00000", "draw_initial 00000", "refine_shard 00000", "filter_dataset")
    jobs += ("train_toffeenet toffeenet", "tabulate_views", "plot_views")
    jobs += ("export_shard 00000", "export_dataset", "export_pipeline")
    arguments = [part for job in jobs for part in ("--job", job)]
    return toffee(project, "audit", "results/chain", *arguments)


def test_the_audit_finds_nothing_and_jobs_run_again_write_the_same_bytes(audited):
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert "replay train_toffeenet" in audited.stderr


def test_a_forged_table_is_not_what_its_job_writes(chain, tmp_path):
    """The forger made every digest right, and no job read the table after: replay tells."""
    from toffee.provenance.record import seal
    from toffee.runtime.files import file_digest

    project, results = chain
    shutil.copytree(results, tmp_path / "chain")
    table, name = tmp_path / "chain/tables/strength.csv", "results/chain/tables/strength.csv"
    table.write_text(table.read_text().replace("λ = 0.25", "λ = 0.24"))
    record = tmp_path / "chain/records/tables/strength.csv.json"
    content = json.loads(record.read_text())
    size = {"sha256": file_digest(table), "size": table.stat().st_size}
    content["outputs"][name] |= size
    forged = seal(content)
    record.write_text(json.dumps(forged))
    log = tmp_path / "chain" / content["log"].removeprefix("results/chain/")
    before, _, _ = log.read_text().rpartition("record ")
    log.write_text(f"{before}record {forged['sha256'][:16]}\n")
    done = toffee(project, "audit", str(tmp_path / "chain"), "--job", "tabulate_strength")
    assert done.returncode == 40, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if name in line]
    assert line.startswith(f"replay: {name}: ")


@pytest.fixture(scope="module")
def broken(chain, tmp_path_factory):
    """A copy of the run in which one training subject's picture was broken, and the dataset made
    again; (project, results)."""
    project = chain[0].copy(tmp_path_factory.mktemp("broken") / "project")
    results = project.folder / "results" / "chain"
    picture = sorted((results / "world" / "subjects" / "images").iterdir())[0]
    picture.write_bytes(picture.read_bytes()[:300])
    shutil.rmtree(results / "dataset")
    (results / "tables" / "dataset.csv").unlink()
    run(project, "results/chain/tables/dataset.csv")
    return project, results


def test_a_broken_picture_is_set_aside_and_counted(broken):
    _, results = broken
    table = pd.read_csv(results / "tables" / "dataset.csv")
    aside = table[table["metric"] == "quarantined"].set_index("setting")["value"]
    assert aside.to_dict() == {"broken image": 1, "all": 1}
    rejected = pd.read_parquet(results / "dataset" / "index.parquet")
    assert 0 < rejected["accepted"].sum() < len(rejected) == 20


def test_the_audit_finds_the_broken_picture(broken):
    project, _ = broken
    done = toffee(project, "audit", "results/chain", "--tier", "bytes")
    picture = "bytes: results/chain/world/subjects/images/"
    assert sum(line.startswith(picture) for line in done.stdout.splitlines()) == 1


def test_results_copied_without_their_times_are_known(chain, tmp_path):
    """Their records tell another checkout: nothing reruns, and a change reruns its rules."""
    project, results = chain
    there = Project(tmp_path / "there", project.server)
    kept = shutil.ignore_patterns("results", ".snakemake", "__pycache__")
    shutil.copytree(project.folder, there.folder, ignore=kept)
    shutil.copytree(results, there.folder / "results" / "chain", copy_function=shutil.copyfile)
    first = there.run(*TARGETS, "--configfile", "chain.yaml", "--dry-run")
    assert "Nothing to be done" in first.stdout + first.stderr
    assert "jobs are known from their records" in first.stderr
    values = yaml.safe_load((there.folder / "chain.yaml").read_text())
    values["filter"]["max_copy_rate"] = 0.5
    configure(there.folder, values)
    planned = there.planned("dataset", "--configfile", "chain.yaml")
    assert {"filter_dataset", "tabulate_dataset", "export_dataset"} <= planned
    assert not planned & {"score_shard", "refine_shard", "pretrain_refiner", "download_model"}


@pytest.mark.parametrize("one_job", [False, True])
def test_random_kills_change_no_digest(chain, tmp_path, one_job):
    """TOFFEE_KILLS=60 kills so often over the whole DAG; here it is the way to ToffeeNet.

    A shard that one job makes has the bytes that a job for each stage gives it.
    """
    kills = int(os.environ.get("TOFFEE_KILLS", 4))
    project = chain[0].copy(tmp_path / "project")
    results = project.folder / "results" / "chain"
    expected = digests(results)
    values = yaml.safe_load((project.folder / "chain.yaml").read_text())
    values["synthesis"]["one_job"] = one_job
    configure(project.folder, values)
    whole, target = kills > 9, "results/chain/models/toffeenet"
    targets = list(TARGETS[:2]) if whole else [target]
    hit: Counter[str] = Counter()
    while hit.total() < kills:
        for path in [results] if whole else [results / "dataset", project.folder / target]:
            shutil.rmtree(path)
        arguments, left = [*targets, "--configfile", "chain.yaml"], kills - hit.total()
        hit += kill_at_random(project, arguments, left, left, (1.0, 6.0) if whole else (0.2, 2.0))
        run(project, *targets, *AGAIN)
    print(hit.total(), "kills:", dict(hit))
    found = digests(results)
    assert found == {name: expected[name] for name in (expected if whole else found)}
    assert len(found) > 60
    assert not [path for path in results.rglob("*") if ".partial" in path.name]
    made_by = json.loads((results / "records/dataset/shards/00000.h5.json").read_text())
    assert ("see" in made_by) == one_job  # a record of all of its files


def test_an_empty_folder_stops_with_one_line(chain, tmp_path):
    project, results = chain
    (tmp_path / "empty").mkdir()
    world = results / "world"
    views = {"path": str(world / "multiview"), "heldout_path": str(world / "multiview_heldout")}
    real = {
        "subjects": {"kind": "folder", "path": str(tmp_path / "empty")},
        "multiview": {"kind": "folder"} | views,
        "benchmark": {"kind": "folder", "path": str(world / "benchmark")},
    }
    data = CONFIG["data"] | {"source": "real", "real": real}
    values = CONFIG | {"scale": "empty", "data": data}
    (project.folder / "empty.yaml").write_text(yaml.safe_dump(values))
    subjects = "results/empty/dataset/subjects.parquet"
    done = project.run(subjects, "--configfile", "empty.yaml", check=False)
    assert done.returncode == 1
    assert not (project.folder / subjects).exists()
    said = done.stderr.splitlines()
    place = said.index("error: this run cannot start, one fault:")
    missing = f"cannot read {tmp_path / 'empty' / 'metadata.csv'}: No such file or directory"
    assert said[place + 1] == f"  data.real.subjects.path: {missing}"
