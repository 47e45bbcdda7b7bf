"""Planned bytes against the files of a small shard that the shipped models draw."""

from types import SimpleNamespace

import pytest

from toffee.config.settings import Drawing, Sampling
from toffee.models.folders import BaseModels, SegmenterModels
from toffee.plan.costs import Costs
from toffee.plan.sizes import Sizes
from toffee.plan.storage import Storage
from toffee.plan.work import Work
from toffee.synthesis.edits import make_edits
from toffee.synthesis.initial import draw_initial
from toffee.synthesis.listing import list_subjects
from toffee.synthesis.plan import plan_shard
from toffee.synthesis.scores import score_shard

from .conftest import ROOT, ZOO, architectures, config_of

FACTOR = 1.5
"""Planned and real bytes differ by less; pictures of other subjects compress otherwise."""


@pytest.fixture(scope="module")
def shard(tiny, small_world, tmp_path_factory):
    """Stage → file, of a shard of 24. Its initial images stand for the refined ones and views."""
    root = tmp_path_factory.mktemp("shard")
    files = {name: root / f"{name}.h5" for name in ("initial", "edits", "shard")}
    listed = [root / name for name in ("subjects.parquet", "donors.parquet", "quarantine.csv")]
    list_subjects(small_world / "subjects", small_world / "multiview", *listed)
    plan = files["plan"] = root / "00000.parquet"
    kinds, samples = tiny.synthesis.kinds.model_dump(), tiny.synthesis.samples_per_shard
    prompts = ROOT / "config" / "prompts" / "tiny.yaml"
    roots = small_world / "subjects", small_world / "multiview"
    plan_shard(*listed[:2], prompts, *roots, kinds, "00000", samples, 0, plan)
    models = BaseModels(ZOO / "text_to_image", ZOO / "controlnet_depth", ZOO / "depth")
    drawn = {"models": models, "sampling": Sampling(4, 3.0), "seed": 0}
    common = {"plan": plan, "drawing": Drawing(64, 24, 95)}
    subjects = {"subjects_root": small_world / "subjects"}
    segmenters = {"segmenters": SegmenterModels(ZOO / "segmenter")}
    draw_initial(**drawn, **common, **subjects, out=files["initial"])
    make_edits(
        **drawn, **common, **segmenters, refined=files["initial"], edit_strength=0.9,
        out=files["edits"],
    )  # fmt: skip
    encoders = {name: ZOO / name for name in ("subject_encoder", "clip")} | segmenters
    stages = {"refined": files["initial"], "views": files["initial"], "edits": files["edits"]}
    given = encoders | stages | common | subjects
    score_shard(**given, prompts=prompts, out=files["shard"])
    return {name: path.stat().st_size for name, path in files.items()}


@pytest.fixture(scope="module")
def storage(tiny, costs):
    return Storage(Work(tiny, costs, Sizes(tiny, [], ROOT)))


@pytest.mark.parametrize(
    ("rule", "file"),
    [("draw_initial", "initial"), ("make_edits", "edits"), ("score_shard", "shard")],
)
def test_a_shards_files(storage, shard, rule, file):
    planned = storage.kept(SimpleNamespace(rule=rule, wildcards={"shard": "00000"}))
    assert shard[file] / FACTOR < planned < shard[file] * FACTOR


def test_models_that_ship_have_about_the_weights_that_are_planned(storage):
    """They ship in half precision, and are planned as float32."""
    for role in ("text_to_image", "clip", "segmenter"):
        files = [p.stat().st_size for p in (ZOO / role).rglob("*.safetensors")]
        job = SimpleNamespace(rule="download_model", wildcards={"role": role})
        assert storage.kept(job) == pytest.approx(2 * sum(files), rel=0.05)


def test_a_trainings_own_data_grow_with_the_pairs_and_no_other_job_has_any():
    def needed(shards, rule="train_toffeenet", store="latents", optimizer="adamw"):
        layers = {"synthesis": {"shards": shards}, "training": {"store": store}}
        layers["toffeenet"] = {"optimizer": optimizer}
        config = config_of("paper.yaml", layers)
        work = Work(config, Costs(architectures("paper"), config), Sizes(config, [], ROOT))
        return Storage(work).while_running(
            SimpleNamespace(rule=rule, wildcards={"net": "toffeenet"})
        )

    # Where all is kept, 256 tokens of 1,024 for each pair.
    assert needed(3, store="all") - needed(1, store="all") == 2 * 12000 * 2 * 256 * 1024
    # The checkpoint of Stable Diffusion's UNet: 14 GB, as toffee.training.checkpoint has it.
    assert needed(1) == needed(3) == pytest.approx(14e9, rel=0.1)
    # Weights, averages and two moments; Muon has one.
    assert needed(1, optimizer="muon") == pytest.approx(needed(1) * 3 / 4)
    assert needed(3, "score_shard") == 0


def test_a_photo_beside_each_view_doubles_what_is_seen_but_not_the_depth():
    def needed(**values):
        config = config_of({"toffeenet": {"reference": "tokens"} | values})
        work = Work(config, Costs(architectures("tiny"), config), Sizes(config, [], ROOT))
        job = SimpleNamespace(rule="train_toffeenet", wildcards={"net": "toffeenet"})
        return Storage(work), Storage(work).while_running(job), work.pairs(config.toffeenet)

    storage, views, pairs = needed(own_photo=0)
    assert needed(own_photo=0.5)[1] - views == pairs * storage.tokens
    deep = needed(own_photo=0, depth=True)[1]
    assert needed(own_photo=0.5, depth=True)[1] - deep == pairs * storage.tokens


def test_latents_of_all_pairs_are_kept_once():
    config = config_of("paper.yaml")
    work = Work(config, Costs(architectures("paper"), config), Sizes(config, [], ROOT))
    kept = Storage(work).kept(SimpleNamespace(rule="encode_pairs", wildcards={}))
    # Two latents of 4 × 64 × 64; an edit has a third, and a mask of 512 × 512 bits.
    latents = 2 * 4 * 64**2
    assert kept == pytest.approx(4.8e6 * 2 * latents + 1.6e6 * (latents + 512**2 / 8), rel=1e-3)
    assert kept < 0.5e12
