"""The paper's scale, from its downloads to its tables.

`config/paper.yaml` with nothing but sizes and addresses laid over it, on a hub and a git server on
loopback that serve small copies: of DreamBench all subjects, but two of the prompts.

What it draws means nothing: every weight is random. What it proves is that the real classes, file
formats and rules go together. Snakemake and its jobs are forks of a server that has imported the
libraries.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from catalogue import read_set, serve
from checkout import copy_checkout
from fork_server import JOBS, SNAKEMAKE, ForkServer
from paper_sources import class_words, write_dreambench, write_mvimgnet
from server import Hub

from toffee.config.sections.filter import Filter
from toffee.storage.reader import Shard

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "unit" / "download"))

from git_server import commit, git, serving  # noqa: E402

TARGETS = ("all", "tables", "figures", "dreambooth", "pipeline", "site", "dataset")
TABLES = ("refiner", "views", "dreambench", "dataset", "variants", "reconstruction", "dreambooth")
TABLES += ("segmentation", "reference", "strength", "editing", "cost", "calibration")
COLUMNS = ["method", "setting", "metric", "value", "stderr", "n", "source"]
FIGURES = ("pipeline", "refiner", "views", "editing", "toffeenet", "dataset", "strength")
FIGURES += ("edits", "cost", "worst", "learning")
PROMPTS, FEWER = "PHOTOS, PROMPTS = 30, 158, 25", "PHOTOS, PROMPTS = 30, 158, 2"
"""DreamBench's numbers, which its download checks, and those of what is served here. The whole
benchmark is downloaded in tests/unit/download/test_dreambench.py."""
TRAINING = {"steps": 2, "batch": 4}
SIZES = {
    "data": {"resolution": 64, "views": 3, "subjects": 10, "heldout_sequences": None},
    "sampler": {"steps": 2, "batch": 16},
    "refiner": TRAINING | {"sampler_steps": 2},
    "view_generator": TRAINING | {"sampler_steps": 2},
    "synthesis": {"shards": 2, "samples_per_shard": 15},
    "toffeenet": TRAINING | {"sampler_steps": 1},
    "dreambooth": {"steps": 1, "prior_images": 1, "groups": 1}
    | {"tuning_steps": [1, 2], "tuning_subjects": 2},
    "evaluation": {
        # Without `initial` and `dreambooth_one_photo`, which take the same path as these: of each
        # method 60 pictures are drawn and scored.
        "methods": ["text_only", "dreambooth", "toffeenet", "wrong_subject"],
        "refiner_subjects": 8,
        "views_subjects": 8,
        "dataset_pairs": 4,
        "images_per_prompt": 1,
        "ablation_prompts": 1,
        "strength_prompts": 1,
        "editing_subjects": 4,
    },
}
# What random encoders say means nothing: the test puts one threshold in the middle.
OPEN = {
    "filter": {name: 0 if name.startswith("min_") else 1 for name in Filter.model_fields}
    | {f"min_{name}_similarity": -1 for name in ("subject", "view", "pair")}
    | {"min_text_alignment": -1},
    "evaluation": {"oracle": {"tolerance": 1}},
}


class Run:
    """A copy of the project whose Snakemake is led to the servers."""

    def __init__(self, folder: Path, hub: Hub, addresses: dict) -> None:
        self.folder, self.results = folder, folder / "results" / "paper"
        self.environment = os.environ | hub.environment(folder / "hf")
        self.environment |= {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
        copy_checkout(folder)
        download = folder / "workflow" / "toffee" / "download" / "dreambench.py"
        text = download.read_text(encoding="utf-8")
        assert text.count(PROMPTS) == 1
        download.write_text(text.replace(PROMPTS, FEWER), encoding="utf-8")
        (folder / "sizes.yaml").write_text(yaml.safe_dump(SIZES))
        (folder / "addresses.yaml").write_text(yaml.safe_dump(addresses))
        (folder / "open.yaml").write_text(yaml.safe_dump(OPEN))
        (folder / "filter.yaml").write_text(yaml.safe_dump({"filter": OPEN["filter"]}))

    def __call__(self, *arguments: str, status: int = 0) -> str:
        command = ["-m", "snakemake", "--cores", "2", *arguments]
        done = self.server.run(command, self.folder, self.environment, self.server.python)
        said = done.stdout + done.stderr
        assert done.returncode == status, said[-5000:]
        return said


LAYERS = ("config/paper.yaml", "addresses.yaml", "sizes.yaml")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The paper's scale, run from its downloads to its tables."""
    root = tmp_path_factory.mktemp("paper")
    words = class_words(4)
    write_mvimgnet(root / "mvimgnet", words, videos=12)
    write_dreambench(root / "git" / "dreambooth", every=13)
    git(root / "git" / "dreambooth", "init", "--quiet")
    git(root / "git" / "dreambooth", "config", "uploadpack.allowAnySHA1InWant", "true")
    revision = commit(root / "git" / "dreambooth")
    (root / "living.txt").write_text("dog\n")
    with Hub() as hub, serving(root / "git") as server:
        serve(hub, read_set("turbo"), root / "served")
        addresses = {
            "data": {
                "dreambench": {
                    "url": f"{server.url}/dreambooth",
                    "revision": revision,
                    "sha256": None,  # that of the real photos is pinned
                },
                "real": {
                    "subjects": {"living": str(root / "living.txt")},
                    "multiview": {"path": str(root / "mvimgnet"), "heldout": 0.4},
                },
            }
        }
        running = Run(root / "project", hub, addresses)
        folder, modules = tmp_path_factory.mktemp("server"), (*SNAKEMAKE, *JOBS)
        with ForkServer.start(
            folder, modules, running.environment, project=running.folder
        ) as running.server:
            layers = ("--configfile", *LAYERS, "filter.yaml")
            running.refused = running(*layers, "--", "dreambench", status=1)
            shards = [f"results/paper/dataset/shards/{shard:05d}.h5" for shard in range(2)]
            running("--configfile", *LAYERS, "open.yaml", "--quiet", "rules", "--", *shards)
            with Shard(running.folder / shards[0]) as shard:
                generation = shard.column("kind") == "generation"
                middle = float(np.median(shard.column("text_alignment")[generation]))
            values = OPEN | {"filter": OPEN["filter"] | {"min_text_alignment": middle}}
            (running.folder / "open.yaml").write_text(yaml.safe_dump(values))
            running("--configfile", *LAYERS, "open.yaml", "--quiet", "rules", "--", *TARGETS)
            yield running


def test_another_oracle_than_the_published_one_stops_before_the_tables(run):
    lines = [line for line in run.refused.splitlines() if line.startswith("error: check_oracle")]
    assert len(lines) == 1 and "0.774" in lines[0], lines


def test_everything_is_there_and_a_second_run_has_nothing_to_do(run):
    for name in FIGURES:
        assert (run.results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    again = run("--configfile", *LAYERS, "open.yaml", "--", *TARGETS)
    assert "Nothing to be done" in again
    left = [p for p in run.results.rglob("*") if ".tmp" in p.name or p.name.endswith(".partial")]
    assert not left


def test_tables_have_the_contracts_columns(run):
    for name in TABLES:
        table = pd.read_csv(run.results / "tables" / f"{name}.csv", keep_default_na=False)
        assert list(table.columns) == COLUMNS
        assert set(table["source"]) <= {"measured", "published"} and len(table) > 3
        assert not table.duplicated(["method", "setting", "metric", "source"]).any(), name
        assert (run.results / "tables" / f"{name}.md").stat().st_size > 100
    published = pd.read_csv(run.results / "tables" / "dataset.csv").query("source == 'published'")
    assert set(published["setting"]) == {"all", "editing", "generation"}


def test_every_model_came_from_the_hub_and_is_locked(run):
    lock = yaml.safe_load((run.folder / "config" / "models.lock.yaml").read_text())
    sources = read_set("turbo")
    assert {key.partition("@")[0] for key in lock["files"]} == {
        source["repo"] for source in sources.values()
    }
    config = json.loads((run.results / "models/toffeenet/config.json").read_text())
    assert config["use_linear_projection"] and config["_class_name"] == "UNet2DConditionModel"


def test_dogs_lend_each_other_their_poses_and_thresholds_are_measured(run):
    donors = pd.read_parquet(run.results / "dataset" / "donors.parquet")
    dogs = donors[donors["class_word"] == "dog"]
    assert list(dogs["folder"]) == ["subjects"] * len(dogs) and len(dogs) in (0, 2)
    table = pd.read_csv(run.results / "tables" / "calibration.csv").set_index("method")
    chosen = table.loc["match_threshold"].query("metric == 'below_class'")
    assert list(chosen["setting"]) == ["class:0.006"] and chosen["value"].iloc[0] < 0.02


def test_the_torn_frame_is_set_aside_and_counted(run):
    aside = pd.concat(
        pd.read_csv(run.results / "data" / name / "quarantine.csv")
        for name in ("multiview", "multiview_heldout")
    )
    assert len(aside) == 1 and "001.jpg" in aside["file"].iloc[0]


def test_pairs_are_equal_outside_of_their_masks(run):
    kinds = set()
    for path in sorted((run.results / "dataset" / "shards").iterdir()):
        with Shard(path) as shard:
            shard.verify()
            kinds |= set(shard.column("kind"))
            for row in np.flatnonzero(shard.column("kind") != "generation"):
                before, after, mask = (
                    shard.arrays(name, [row])[0] for name in ("input", "target", "mask")
                )
                assert np.array_equal(before[~mask], after[~mask])
    assert len(kinds) > 2


def test_the_pipeline_draws_without_this_project(run):
    """In a process that cannot import it."""
    code = (
        "import diffusers, numpy, sys\n"
        "from PIL import Image\n"
        "sys.modules['toffee'] = None\n"
        "pipe = diffusers.DiffusionPipeline.from_pretrained("
        f"{str(run.results / 'pipeline')!r}, trust_remote_code=True)\n"
        "photo = Image.fromarray(numpy.zeros((64, 64, 3), numpy.uint8))\n"
        "picture = pipe('a bag', subject=photo, num_inference_steps=1, seed=0).images[0]\n"
        "print(picture.size)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "(64, 64)" in done.stdout


def test_the_audit_finds_nothing(run):
    environment = os.environ | {"PYTHONPATH": str(run.folder / "workflow")}
    command = ["-m", "toffee.cli", "audit", "results/paper"]
    done = run.server.run(command, run.folder, environment, run.server.python)
    assert done.returncode == 0, done.stdout + done.stderr
