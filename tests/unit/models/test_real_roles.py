"""A shard made with the hub's classes at every role: Stable Diffusion 2.1, a ControlNet, DINOv2,
Depth Anything, Grounding DINO and SAM, small and of random weights."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from toffee.config.settings import Conditioning, Drawing, Matching, Refining, Sampling, Training
from toffee.method.pair_latents import encode_pairs
from toffee.method.refiner import pretrain_refiner
from toffee.method.toffeenet import ToffeeNet, train_toffeenet
from toffee.method.view_generator import pretrain_view_generator
from toffee.models import detector as detector_module
from toffee.models.folders import BaseModels, RefinerModels, SegmenterModels, ViewModels
from toffee.storage.reader import Shard
from toffee.synthesis.edits import make_edits
from toffee.synthesis.initial import draw_initial
from toffee.synthesis.listing import list_subjects
from toffee.synthesis.plan import plan_shard
from toffee.synthesis.refined import refine_shard
from toffee.synthesis.scores import score_shard
from toffee.synthesis.views import draw_views

PROMPTS = Path(__file__).parents[3] / "config" / "prompts" / "tiny.yaml"
TRAINING = {"resolution": 64, "training": Training(1, 2, 1e-4, 0.9), "seed": 0}
DRAWING, SAMPLING = Drawing(64, 4, 95), Sampling(2, 2.0)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Models this small lose time to threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def work(
    stable_diffusions,
    dinov2_layered,
    depth_anything_folder,
    detector_folder,
    sam_folder,
    small_world,
    tmp_path_factory,
):
    """The plan of a shard, the generators after one step, and where each role is."""
    folder = tmp_path_factory.mktemp("real")
    listed = [folder / name for name in ("subjects.parquet", "donors.parquet", "aside.csv")]
    list_subjects(small_world / "subjects", small_world / "multiview", *listed)
    plan, kinds = folder / "plan" / "00000.parquet", {"generation": 0.5, "colour": 0.5}
    roots = small_world / "subjects", small_world / "multiview"
    plan_shard(*listed[:2], PROMPTS, *roots, kinds, "00000", 4, 0, plan)
    roles = {
        "text_to_image": stable_diffusions["sd21"],
        "subject_encoder": dinov2_layered,
        "depth_estimator": depth_anything_folder,
    }
    encoded = {key: roles[key] for key in ("text_to_image", "subject_encoder")}
    frames = {"multiview": small_world / "multiview", **TRAINING}
    pretrain_refiner(
        **encoded, **frames, out=folder / "refiner", token_grid=True, token_dropout=0.1
    )
    views = {"depth": True, "reference": "canvas"}
    pretrain_view_generator(**roles, **frames, out=folder / "view_generator", **views)
    return folder, plan, roles, SegmenterModels(sam_folder, detector_folder)


def make_shard(work, small_world, clip, folder: Path) -> Path:
    """Draw, refine, pose, edit and score the plan; returns the shard."""
    trained, plan, roles, segmenters = work
    base, encoder = roles["text_to_image"], roles["subject_encoder"]
    stage = {name: folder / name / "00000.h5" for name in ("initial", "refined", "views", "edits")}
    common = {"plan": plan, "drawing": DRAWING}
    subjects = {"subjects_root": small_world / "subjects"}
    models = BaseModels(base, base / "controlnet", roles["depth_estimator"])
    control = {"models": models, "sampling": SAMPLING, "seed": 0}
    draw_initial(**common, **subjects, **control, out=stage["initial"])
    refine_shard(
        **common,
        **subjects,
        initial=stage["initial"],
        models=RefinerModels(trained / "refiner", base, encoder),
        segmenters=segmenters,
        out=stage["refined"],
        refining=Refining(Matching("silhouette", -1), 0.6, True, SAMPLING),
        seed=0,
    )
    draw_views(
        **common,
        **subjects,
        multiview_root=small_world / "multiview",
        models=ViewModels(trained / "view_generator", base, encoder, roles["depth_estimator"]),
        out=stage["views"],
        sampling=SAMPLING,
        seed=0,
    )
    make_edits(
        **common, **control, segmenters=segmenters, refined=stage["refined"], out=stage["edits"],
        edit_strength=0.7,
    )  # fmt: skip
    out = folder / "shards" / "00000.h5"
    score_shard(
        **common,
        **subjects,
        segmenters=segmenters,
        refined=stage["refined"],
        views=stage["views"],
        edits=stage["edits"],
        subject_encoder=encoder,
        prompts=PROMPTS,
        clip=clip,
        out=out,
    )
    return out


@pytest.fixture(scope="module")
def shards(work, small_world, random_zoo, tmp_path_factory) -> dict[bool, Path]:
    """The shard where the detector finds every subject, and where it finds none."""
    made = {}
    for found in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            # What a network of random weights is sure of says nothing.
            patch.setattr(detector_module, "BOX_THRESHOLD", 0.0 if found else 1.0)
            patch.setattr(detector_module, "TEXT_THRESHOLD", 0.0)
            folder = tmp_path_factory.mktemp("shards")
            made[found] = make_shard(work, small_world, random_zoo / "clip", folder)
    return made


@pytest.mark.parametrize("found", [False, True])
def test_a_shard_goes_through_all_real_roles(work, shards, found):
    """Whether the detector finds a subject or not, each candidate of the plan is in the shard."""
    planned = pd.read_parquet(work[1])
    with Shard(shards[found]) as shard:
        assert sorted(shard.column("sample_id")) == sorted(planned["sample_id"])
        area, similarity = (
            np.array(shard.column(name)) for name in ("mask_area", "subject_similarity")
        )
        edited = [row for row, kind in enumerate(shard.column("kind")) if kind != "generation"]
        assert edited
        for row in edited:  # outside of the mask an edit is its input, to the bit
            target, before = shard.images("target", [row]), shard.images("input", [row])
            mask = shard.masks("mask", [row])[:, None].expand_as(target)
            assert (target == before)[~mask].all()
            if not found:
                assert not mask.any(), "nothing found: nothing to change"
    if found:
        assert (area > 0).any() and (similarity[area > 0] != 0).all()
    else:
        assert (area == 0).all() and (similarity == 0).all()


def test_toffeenet_trains_and_draws_on_stable_diffusion(work, shards, tmp_path):
    models, _, roles, _ = work
    with Shard(shards[True]) as opened:
        columns = {name: list(opened.column(name)) for name in ("kind", "sample_id")}
    index = pd.DataFrame(columns).assign(shard="00000")
    index["row"] = index.index
    index.assign(accepted=True).to_parquet(tmp_path / "index.parquet")
    given = {"index": tmp_path / "index.parquet", "shards": [str(shards[True])]}
    encode_pairs(**given, text_to_image=roles["text_to_image"], out=tmp_path / "encoded")
    train_toffeenet(
        **given,
        encoded=tmp_path / "encoded",
        **roles,
        view_generator=models / "view_generator",
        out=tmp_path / "net",
        **TRAINING,
        conditioning=Conditioning("both", 0.2, 0.2, 0.2, 0.2, segmented=True, depth=True),
    )
    shutil.copytree(tmp_path / "net", tmp_path / "moved")
    net = ToffeeNet(tmp_path / "moved", roles["text_to_image"], roles["subject_encoder"])
    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    photos = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    tokens = net.tokens(photos, torch.ones(2, 64, 64, dtype=torch.bool))
    assert tokens.shape == (2, 256, 32)
    drawn = net.draw(["a red mug", "a car"], tokens, noise, Sampling(2, 3.0), 1.0)
    assert drawn.shape == (2, 3, 64, 64) and torch.isfinite(drawn).all()
    other = net.draw(["a red mug", "a car"], tokens.flip(0), noise, Sampling(2, 3.0), 1.0)
    assert not torch.equal(drawn, other), "the subject is seen"
