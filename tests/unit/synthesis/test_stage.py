"""Stages: what a file depends on; a kill, a resume or another batch size change nothing."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from toffee.config.settings import Drawing, Sampling
from toffee.data.loaders.images import read_image, read_mask, to_arrays
from toffee.models.folders import BaseModels
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import noise
from toffee.storage.reader import Shard
from toffee.synthesis import initial
from toffee.synthesis.plan import STAGES, read_plan
from toffee.synthesis.stage import (
    draw_stage,
    identity,
    sample_noise,
    subject_images,
    subject_masks,
)

from .conftest import write_plan

PROMPTS = Path(__file__).parents[3] / "config" / "prompts" / "tiny.yaml"
KINDS = {"generation": 0.5, "background": 0.2, "colour": 0.1, "texture": 0.1, "style": 0.1}


@pytest.fixture(scope="module")
def plan(small_world, tmp_path_factory) -> Path:
    return write_plan(tmp_path_factory.mktemp("plan"), small_world, PROMPTS, KINDS, 11)


class Killed(BaseException):
    """What ends a process in the middle."""


def drawer(drawn: list[str], stop_after: int | None = None):
    """Pictures from the samples' own noise; notes what it drew, and dies on request."""

    def draw(rows: pd.DataFrame) -> dict[str, list]:
        if stop_after is not None and len(drawn) >= stop_after:
            raise Killed
        drawn.extend(rows["sample_id"])
        # Of operations that round alike in every batch.
        images = to_arrays(sample_noise(rows, "test", 0, (3, 16, 16)).div(4).add(0.5).clamp(0, 1))
        return {"image": images, "mask": [image[..., 0] > 128 for image in images]}

    return draw


def write(plan: Path, out: Path, draw, batch: int = 3, inputs=(), **changes) -> Path:
    settings = {"steps": 2} | changes.pop("settings", {})
    draw_stage(
        plan=plan,
        out=out,
        inputs=[plan, *inputs],
        settings=settings,
        images={"image": "png", "mask": "mask"},
        drawing=Drawing(64, batch, 95),
        draw=draw,
        **changes,
    )
    return out


def test_killed_and_resumed_is_equal_to_undisturbed(plan, tmp_path):
    whole = write(plan, tmp_path / "a" / "00000.h5", drawer([]))
    out, first, second = tmp_path / "b" / "00000.h5", [], []
    with pytest.raises(Killed):
        write(plan, out, drawer(first, stop_after=6))
    assert not out.exists()
    write(plan, out, drawer(second))
    assert out.read_bytes() == whole.read_bytes()
    assert not set(first) & set(second) and len(first) == 6  # what was committed is not drawn again
    assert first + second == list(read_plan(plan)["sample_id"])


def test_a_partial_file_of_other_settings_is_not_resumed(plan, tmp_path):
    out, again = tmp_path / "00000.h5", []
    with pytest.raises(Killed):
        write(plan, out, drawer([], stop_after=6))
    write(plan, out, drawer(again), settings={"steps": 3})
    assert again == list(read_plan(plan)["sample_id"])


def test_another_batch_size_draws_the_same(plan, tmp_path):
    one, many = (
        write(plan, tmp_path / str(batch) / "00000.h5", drawer([]), batch) for batch in (1, 64)
    )
    assert one.read_bytes() == many.read_bytes()


def test_kinds_that_a_stage_does_not_want_stay_empty(plan, tmp_path):
    drawn = []
    out = write(plan, tmp_path / "00000.h5", drawer(drawn), wants=lambda kind: kind != "generation")
    rows = read_plan(plan)
    editing = rows["kind"] != "generation"
    assert 0 < editing.sum() < len(rows)
    assert drawn == list(rows["sample_id"][editing])
    with Shard(out) as shard:
        assert [shard.has("image", row) for row in range(len(rows))] == editing.tolist()
        assert list(shard.column("sample_id")) == list(rows["sample_id"])


def test_noise_is_the_samples_own(plan):
    rows = read_plan(plan)
    whole = sample_noise(rows, "initial", 0, (4, 2, 2))
    shuffled = rows.sample(frac=1, random_state=0)
    assert torch.equal(sample_noise(shuffled, "initial", 0, (4, 2, 2)), whole[shuffled.index])
    alone = [
        sample_noise(rows.iloc[[place]], "initial", 0, (4, 2, 2)) for place in range(len(rows))
    ]
    assert torch.equal(torch.cat(alone), whole)
    assert len({tuple(noise.flatten().tolist()) for noise in whole}) == len(rows)
    for other in (
        sample_noise(rows, "refined", 0, (4, 2, 2)),
        sample_noise(rows, "initial", 1, (4, 2, 2)),
        sample_noise(rows.assign(attempt=rows["attempt"] + 1), "initial", 0, (4, 2, 2)),
        sample_noise(rows.assign(kind="other"), "initial", 0, (4, 2, 2)),
    ):
        assert not (other == whole).flatten(1).all(1).any()


def test_a_sample_can_be_drawn_again_from_the_seeds_in_its_row(plan):
    rows = read_plan(plan)
    seeds = set()
    for stage in STAGES:
        own = noise(rows[f"seed_{stage}"], (4, 2, 2))
        assert torch.equal(own, sample_noise(rows, stage, 0, (4, 2, 2)))
        seeds |= set(rows[f"seed_{stage}"])
    assert len(seeds) == len(STAGES) * len(rows)


def test_identity_changes_with_models_settings_and_rows_only(plan, tmp_path):
    rows, model = read_plan(plan), tmp_path / "model"
    (model / "unet").mkdir(parents=True)
    weights = model / "unet" / "weights.safetensors"
    weights.write_bytes(b"one")
    known = identity(rows, [model], {"steps": 2, "guidance": 3.0})
    assert identity(rows, [str(model)], {"steps": 2, "guidance": 3.0}) == known
    changed = [
        identity(rows, [model], {"steps": 3, "guidance": 3.0}),
        identity(rows.iloc[:-1], [model], {"steps": 2, "guidance": 3.0}),
        identity(rows, [], {"steps": 2, "guidance": 3.0}),
        *(
            identity(rows.assign(**{name: "other"}), [model], {"steps": 2, "guidance": 3.0})
            for name in ("image_sha256", "source_prompt", "class_word")
        ),
    ]
    stamp = weights.stat().st_mtime_ns
    weights.write_bytes(b"four")
    os.utime(weights, ns=(stamp, stamp))
    changed.append(identity(rows, [model], {"steps": 2, "guidance": 3.0}))
    assert len({known, *changed}) == len(changed) + 1
    weights.write_bytes(b"one")
    os.utime(weights, ns=(stamp + 1, stamp + 1))
    assert identity(rows, [model], {"steps": 2, "guidance": 3.0}) == known


def test_the_sources_own_masks_come_before_the_segmenters(plan, small_world):
    rows, root = read_plan(plan).iloc[:2].copy(), small_world / "subjects"
    rows.loc[1, "mask"] = ""
    images = torch.stack([read_image(root / name, 64) for name in rows["image"]])

    class Everything:
        def segment(self, asked, words):
            assert torch.equal(asked, images[1:]) and words == [rows["class_word"][1]]
            return torch.ones(len(words), 64, 64, dtype=torch.bool)

    masks = subject_masks(rows, root, images, Everything())
    assert torch.equal(masks[0], read_mask(root / rows["mask"][0], 64)) and not masks[0].all()
    assert masks[1].all()


def test_a_picture_that_changed_since_it_was_planned_is_one_line(plan, small_world, tmp_path):
    rows, root = read_plan(plan), tmp_path / "subjects"
    shutil.copytree(small_world / "subjects", root)
    assert subject_images(rows, root, 64).shape[0] == len(rows)
    changed = root / rows["image"].iloc[-1]
    changed.write_bytes((root / rows["image"].iloc[0]).read_bytes())
    with pytest.raises(
        ToffeeError, match=f"^{changed} has SHA-256 .* as in the shard's plan"
    ) as it:
        subject_images(rows, root, 64)
    assert "\n" not in str(it.value)
    changed.unlink()
    with pytest.raises(ToffeeError, match=f"cannot read {changed}"):
        subject_images(rows, root, 64)


def draw_initial(plan: Path, world: Path, zoo: Path, out: Path, batch: int) -> np.ndarray:
    initial.draw_initial(
        plan=plan,
        subjects_root=world / "subjects",
        models=BaseModels(zoo / "text_to_image", zoo / "controlnet_depth", zoo / "depth"),
        out=out,
        drawing=Drawing(64, batch, 95),
        sampling=Sampling(2, 3.0),
        seed=0,
    )
    with Shard(out) as shard:
        return np.stack(shard.arrays("image")).astype(int)


def test_a_killed_stage_of_real_models_resumes_to_the_same_bytes(
    plan, small_world, random_zoo, tmp_path, monkeypatch
):
    given = (plan, small_world, random_zoo)
    whole = draw_initial(*given, tmp_path / "a" / "00000.h5", 4)
    calls = []

    def dying(images):
        calls.append(len(images))
        if len(calls) == 3:
            raise Killed
        return to_arrays(images)

    monkeypatch.setattr(initial, "to_arrays", dying)
    with pytest.raises(Killed):
        draw_initial(*given, tmp_path / "b" / "00000.h5", 4)
    draw_initial(*given, tmp_path / "b" / "00000.h5", 4)
    assert calls == [4, 4, 3, 3]
    assert (tmp_path / "a/00000.h5").read_bytes() == (tmp_path / "b/00000.h5").read_bytes()
    # Another batch size: the same pictures but for rounding in other kernels.
    monkeypatch.undo()
    other = draw_initial(*given, tmp_path / "c" / "00000.h5", 11)
    assert np.abs(whole - other).max() <= 8 and np.abs(whole - other).mean() < 0.1
    assert whole.std() > 1
