"""Editing pairs: equal outside of the mask, also after everything was stored and read again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import read_image, read_mask, to_arrays
from toffee.models.folders import BaseModels, SegmenterModels
from toffee.models.semantic_segmenter import SemanticSegmenter
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter
from toffee.synthesis.edits import edit_mask, make_edits
from toffee.synthesis.plan import read_plan
from toffee.synthesis.scores import score_shard
from toffee.synthesis.stage import subject_images

from .conftest import write_plan

PROMPTS = Path(__file__).parents[3] / "config" / "prompts" / "tiny.yaml"
KINDS = {"generation": 0.2, "background": 0.2, "colour": 0.2, "texture": 0.2, "style": 0.2}


def disc(images: torch.Tensor) -> torch.Tensor:
    """A mask for every picture, bool [B,H,W]: a disc whose radius its brightness decides."""
    axis = torch.arange(64) - 31.5
    distance = (axis[:, None].square() + axis.square()).sqrt()
    return distance[None] < 10 + 15 * images.mean((1, 2, 3))[:, None, None]


def test_a_background_edit_spares_what_every_other_edit_changes():
    subject = torch.zeros(2, 7, 7, dtype=torch.bool)
    subject[:, 3, 2:5] = True
    masks = edit_mask(subject, ["background", "colour"])
    assert torch.equal(masks[0], ~subject[0])  # to the edge: no halo of the old background
    grown = torch.zeros(7, 7, dtype=torch.bool)
    grown[2:5, 1:6] = True  # one pixel around the subject, for a clean seam
    assert torch.equal(masks[1], grown)
    assert torch.equal(edit_mask(subject, ["texture", "colour"])[0], grown)
    assert edit_mask(subject, ["style", "style"]).all()  # it is the picture's


def test_an_edit_without_a_subject_changes_all_of_the_background_or_nothing():
    empty = torch.zeros(2, 5, 5, dtype=torch.bool)
    masks = edit_mask(empty, ["background", "colour"])
    assert masks[0].all() and not masks[1].any()


@pytest.fixture(scope="module")
def files(small_world, random_zoo, tmp_path_factory):
    """A shard made of the subjects' own pictures: plan, refined, views, edits, finished shard."""
    root = tmp_path_factory.mktemp("edits")
    plan, subjects = write_plan(root, small_world, PROMPTS, KINDS, 10), small_world / "subjects"
    rows = read_plan(plan)
    pictures = to_arrays(torch.stack([read_image(subjects / name, 64) for name in rows["image"]]))
    columns = {"sample_id": list(rows["sample_id"])}
    for stage, images in (("refined", pictures), ("views", [p[:, ::-1] for p in pictures])):
        with ShardWriter(
            root / stage / "00000.h5", len(rows), "test", {"image": "jpeg"}, {"sample_id": "str"}
        ) as writer:
            writer.append(columns, {"image": images})
    roles = ("text_to_image", "controlnet_depth", "depth")
    models = BaseModels(*(random_zoo / role for role in roles))
    segmenters, drawing = SegmenterModels(random_zoo / "segmenter"), Drawing(64, 4, 95)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SemanticSegmenter, "segment", lambda self, images, words: disc(images))
        make_edits(
            plan=plan,
            refined=root / "refined" / "00000.h5",
            models=models,
            segmenters=segmenters,
            out=root / "edits" / "00000.h5",
            drawing=drawing,
            sampling=Sampling(2, 3.0),
            edit_strength=0.9,
            seed=0,
        )
        score_shard(
            plan=plan,
            prompts=PROMPTS,
            subjects_root=subjects,
            refined=root / "refined" / "00000.h5",
            views=root / "views" / "00000.h5",
            edits=root / "edits" / "00000.h5",
            subject_encoder=random_zoo / "subject_encoder",
            clip=random_zoo / "clip",
            segmenters=segmenters,
            out=root / "shards" / "00000.h5",
            drawing=drawing,
        )
    return root


def test_input_and_target_are_equal_outside_of_the_mask(files):
    with Shard(files / "shards" / "00000.h5") as shard:
        shard.verify()
        kinds = shard.column("kind")
        editing = np.flatnonzero(kinds != "generation")
        assert set(kinds) == set(KINDS)
        for row in editing:
            mask = shard.arrays("mask", [row])[0]
            before, after = (shard.arrays(name, [row])[0] for name in ("input", "target"))
            assert mask.all() if kinds[row] == "style" else 0 < mask.sum() < mask.size
            assert np.array_equal(before[~mask], after[~mask])
            assert not np.array_equal(before[mask], after[mask])
            # The corner is background, the centre subject: a disc.
            inside, outside = (kinds[row] == "style" or mask[at, at] for at in (32, 0))
            assert outside == (kinds[row] in ("background", "style"))
            assert inside == (kinds[row] != "background")


def test_the_shard_takes_every_picture_over_without_loss(files):
    with (
        Shard(files / "shards" / "00000.h5") as shard,
        Shard(files / "refined" / "00000.h5") as refined,
        Shard(files / "views" / "00000.h5") as views,
        Shard(files / "edits" / "00000.h5") as edits,
    ):
        for row, kind in enumerate(shard.column("kind")):
            assert shard.encoded("subject", row) == views.encoded("image", row)
            if kind == "generation":
                assert shard.encoded("target", row) == refined.encoded("image", row)
                assert not shard.has("input", row) and not edits.has("target", row)
            else:
                assert shard.encoded("target", row) == edits.encoded("target", row)
                assert shard.encoded("input", row) == refined.encoded("image", row)
                assert shard.encoded("mask", row) == edits.encoded("mask", row)


def test_the_shard_holds_the_photo_that_each_view_was_drawn_from(files, small_world):
    rows, subjects = read_plan(files / "plan" / "00000.parquet"), small_world / "subjects"
    expected, places = subject_images(rows, subjects, 64), np.arange(len(rows))
    with Shard(files / "shards" / "00000.h5") as shard:
        found, masks = shard.images("photo", places), shard.masks("photo_mask", places)
    assert (found - expected).abs().mean() < 0.02  # as a JPEG file has it
    given = [read_mask(subjects / name, 64) for name in rows["mask"]]
    assert torch.equal(masks, torch.stack(given))


def test_every_candidate_keeps_all_of_its_scores(files):
    rows = read_plan(files / "plan" / "00000.parquet")
    with Shard(files / "shards" / "00000.h5") as shard:
        for name in ("sample_id", "subject", "class_word", "kind", "prompt", "attempt"):
            assert list(shard.column(name)) == list(rows[name])
        for name in ("subject_similarity", "text_alignment", "image_similarity"):
            assert (np.abs(shard.column(name)) <= 1 + 1e-5).all()
        assert (shard.column("mask_connectedness") == 1).all()  # a disc
        targets = shard.images("target")
        area = disc(targets).float().mean((1, 2)).numpy()
        assert shard.column("mask_area") == pytest.approx(area, abs=1e-6)
