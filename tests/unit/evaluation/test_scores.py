"""Scores of pictures whose similarity is known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.images import read_image
from toffee.data.loaders.prompt_parts import PromptParts
from toffee.evaluation.benchmark import BenchmarkFiles
from toffee.evaluation.names import SIMILARITIES
from toffee.evaluation.score import dreambench, scoring
from toffee.evaluation.score.base import READ, attribute_embeddings, base_scores
from toffee.evaluation.score.dataset import choose, pair_scores
from toffee.evaluation.score.dreambench import benchmark_scores, oracle_scores, photo_features
from toffee.evaluation.score.refiner import refiner_scores
from toffee.evaluation.score.scoring import changes_read, mask_iou
from toffee.evaluation.score.views import views_scores
from toffee.evaluation.scores_file import read_scores, write_scores
from toffee.models.folders import MetricModels
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter

SIDE = 64
BOX = np.zeros((SIDE, SIDE), bool)
BOX[16:48, 20:44] = True


def picture(number: int) -> np.ndarray:
    """Noise on black: what is bright is the subject."""
    noise = np.random.default_rng(number).integers(30, 256, (SIDE, SIDE, 3), np.uint8)
    return np.where(BOX[..., None], noise, np.uint8(0))


def segment(images: torch.Tensor, words: list[str]) -> torch.Tensor:
    """Stands in for the segmenter: what is not black; finds no "ghost"."""
    assert len(images) == len(words)
    known = torch.tensor([word != "ghost" for word in words])
    return (images.amax(1) > 0.1) & known[:, None, None]


def shard(path: Path, columns: dict[str, list[str]], images: dict[str, list]) -> Shard:
    formats = {
        name: "mask" if next(x for x in values if x is not None).dtype == bool else "png"
        for name, values in images.items()
    }
    total = len(columns["subject"])
    with ShardWriter(path, total, "test", formats, dict.fromkeys(columns, "str"), 95) as writer:
        writer.append(columns, images)
    return Shard(path)


def value(scores: pd.DataFrame, method: str, metric: str) -> np.ndarray:
    same = (scores["method"] == method) & (scores["metric"] == metric)
    return scores.loc[same].sort_values(["subject", "prompt"])["value"].to_numpy()


def test_refiner_compares_with_the_own_photo(metrics, tmp_path):
    rows = [("a", "ceiling", 1), ("a", "other", 2), ("b", "ceiling", 2), ("b", "other", 1)]
    with shard(
        tmp_path / "x.h5",
        {
            "subject": [name for name, *_ in rows],
            "class_word": ["ball"] * 4,
            "prompt": ["a red ball"] * 4,
            "method": [method for _, method, _ in rows],
        },
        {
            "image": [picture(number) for *_, number in rows],
            "subject": [picture(1), None, None, picture(2)],  # one row per subject is enough
        },
    ) as images:
        scores = refiner_scores(images, metrics, segment)
        drawn = images.images("image")
    for metric in SIMILARITIES:
        assert value(scores, "ceiling", metric) == pytest.approx(1, abs=1e-5), metric
        assert (value(scores, "other", metric) < 0.9999).all(), metric
    expected = metrics.text_alignment(drawn, ["a red ball"] * 4)
    assert value(scores, "ceiling", "clip_t") == pytest.approx(expected[[0, 2]].numpy(), abs=1e-5)


def test_missed_detection_scores_zero_and_stays(metrics, tmp_path):
    with shard(
        tmp_path / "x.h5",
        {"subject": ["a"], "class_word": ["ghost"], "prompt": ["a ghost"], "method": ["initial"]},
        {"image": [picture(1)], "subject": [picture(1)]},
    ) as images:
        scores = refiner_scores(images, metrics, segment)
    for metric in SIMILARITIES:
        expected = 0 if metric.endswith("_masked") else 1
        assert value(scores, "initial", metric) == pytest.approx(expected, abs=1e-5), metric
    assert value(scores, "initial", "mask_found") == 0


def test_a_pairs_target_is_compared_with_its_photo_and_its_view(metrics, tmp_path):
    kinds, before = ["generation", "generation", "colour"], "a ball on the grass"
    columns = {
        "subject": ["a", "b", "c"],
        "class_word": ["ball", "ghost", "ball"],
        "kind": kinds,
        "prompt": [before, before, "a red ball on the grass"],
        "source_prompt": ["", "", before],
    }
    pictures = {"target": [picture(n) for n in (1, 2, 3)], "subject": [picture(1)] * 3}
    pictures["input"] = [None, None, picture(4)]
    photos = {name: tmp_path / f"{name}.png" for name in columns["subject"]}
    for number, path in enumerate(photos.values(), 1):
        Image.fromarray(picture(number)).save(path)
    rows = {"row": range(3), "kind": kinds, "sample_id": list("xyz"), "accepted": [True] * 3}
    parts = PromptParts(["on the grass"], ["red", "blue"], ["striped"], ["a sketch of"])
    with shard(tmp_path / "00000.h5", columns, pictures) as pairs:
        scores = pair_scores(pairs, pd.DataFrame(rows), photos, parts, metrics, segment)
        seen = (metrics.clip.image_features(pairs.images(n, [2])) for n in ("target", "input"))
        read = changes_read(metrics.clip, *seen, pd.DataFrame(columns).iloc[[2]], parts)
    by_metric = scores.set_index(["metric", "subject"])["value"]
    assert by_metric["dino_masked"].tolist() == pytest.approx([1, 0, 1], abs=1e-5)
    # The first pair's view is its target; the second's subject is not found.
    alike = by_metric["view_dino_masked"]
    assert alike["a"] == pytest.approx(1, abs=1e-5) and alike["b"] == 0 and 0 < alike["c"] < 0.9999
    assert by_metric["view_unlike"][["a", "b"]].tolist() == [0, 1]
    assert by_metric["change_read"].index.tolist() == ["c"]
    assert by_metric["change_read", "c"] == pytest.approx(read.item(), rel=1e-4)
    assert by_metric["change_found", "c"] == float(by_metric["change_read", "c"] > 0.5)


def test_subject_without_photo_is_named(metrics, tmp_path):
    columns = {"subject": ["a", "b"], "class_word": ["ball"] * 2}
    columns |= {"prompt": ["a ball"] * 2, "method": ["initial"] * 2}
    with (
        shard(
            tmp_path / "x.h5",
            columns,
            {"image": [picture(1)] * 2, "subject": [picture(1), None]},
        ) as images,
        pytest.raises(ToffeeError, match="'b'"),
    ):
        refiner_scores(images, metrics, segment)


def test_views_that_copy_or_hit_the_target(metrics, tmp_path):
    moved = np.roll(BOX, 14, axis=1)
    target = [np.roll(picture(n), 14, axis=1) for n in (1, 2)]
    with shard(
        tmp_path / "x.h5",
        {"subject": ["a", "b"], "class_word": ["ball"] * 2, "other_subject": ["b", "a"]},
        {
            "source": [picture(1), picture(2)],
            "target": target,
            "generated": [target[0], picture(2)],  # a is drawn as the target, b is the source again
            "source_mask": [BOX] * 2,
            "target_mask": [moved] * 2,
        },
    ) as images:
        scores = views_scores(images, metrics, segment)
    overlap = (BOX & moved).sum() / (BOX | moved).sum()
    assert value(scores, "own_target", "mask_iou") == pytest.approx([1, overlap])
    assert value(scores, "own_source", "mask_iou") == pytest.approx([overlap, 1])
    assert value(scores, "copy_source", "mask_iou") == pytest.approx([overlap] * 2)
    assert value(scores, "own_target", "dino")[0] == pytest.approx(1, abs=1e-5)
    # the masked metrics do not see where the subject stands, so both are the own subject to them
    assert value(scores, "own_target", "dino_masked") == pytest.approx([1, 1], abs=1e-5)
    assert (value(scores, "other_target", "dino_masked") < 0.9999).all()


@pytest.fixture
def benchmark(tmp_path):
    """Two subjects with known photos: a has picture 1 twice and 2, b has 3 and 4."""
    folder = tmp_path / "dataset"
    for name, numbers in (("a", (1, 1, 2)), ("b", (3, 4))):
        (folder / name).mkdir(parents=True)
        for place, number in enumerate(numbers):
            Image.fromarray(picture(number)).save(folder / name / f"{place:02d}.png")
    (folder / "prompts_and_classes.txt").write_text(
        "Classes\nsubject_name,class\na,ball\nb,mug\nPrompts\nObject Prompts\nprompt_list = [\n"
        "'a red {0} {1}'.format(unique_token, class_token)\n]\n"
    )
    return load_benchmark(tmp_path)


def policy(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    return scores[scores["references"] == name]


def test_benchmark_means_over_all_photos_and_oracle_leaves_itself_out(metrics, benchmark, tmp_path):
    photos = photo_features(benchmark, metrics, segment)
    kept = {"a": 2, "b": 0}
    pictures = {
        name: read_image(benchmark.subjects[i].photos[kept[name]]) for i, name in enumerate("ab")
    }
    with shard(
        tmp_path / "x.h5",
        {
            "subject": ["a", "a"],
            "class_word": ["ball"] * 2,
            "prompt": ["a red ball"] * 2,
            "seed": ["0", "7"],
        },
        {"image": [picture(1), picture(2)]},
    ) as images:
        drawn = benchmark_scores(images, "toffeenet", photos, metrics, segment, kept, pictures)
    oracle = oracle_scores(photos, metrics, kept)
    first = drawn[drawn["seed"] == "0"]
    for metric in SIMILARITIES:
        features = photos["a"][metric]
        s = float(metrics.similarity(metric, features[0], features[2]))
        all_photos, one_photo = (policy(first, name) for name in ("all photos", "one photo"))
        assert value(all_photos, "toffeenet", metric) == pytest.approx((1 + 1 + s) / 3, abs=1e-5)
        assert value(one_photo, "toffeenet", metric) == pytest.approx(s, abs=1e-5)
        own = oracle[(oracle["subject"] == "a") & (oracle["metric"] == metric)]
        found = policy(own, "all photos")["value"].to_numpy()
        assert found == pytest.approx([(1 + s) / 2, (1 + s) / 2, s], abs=1e-5), metric
        found = policy(own, "one photo")["value"].to_numpy()
        assert found == pytest.approx([s, s], abs=1e-5), metric  # the others against the kept one
        other = oracle[(oracle["subject"] == "b") & (oracle["metric"] == metric)]
        assert len(policy(other, "all photos")) == 2 and len(policy(other, "one photo")) == 1
    # the second picture is the kept photo itself
    copied = drawn[(drawn["metric"] == "copy_rate") & (drawn["references"] == "one photo")]
    assert copied.set_index("seed")["value"].to_dict() == {"0": 0, "7": 1}


def test_features_of_photos_survive_their_file(encoders, metrics, benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "load_segmenter", lambda *_: SimpleNamespace(segment=segment))
    references = tmp_path / "references.yaml"
    references.write_text('"*": 00.png\n')
    out, features = tmp_path / "oracle.parquet", tmp_path / "photos.safetensors"
    dreambench.score_oracle(
        files=BenchmarkFiles(tmp_path, references),
        models=MetricModels(**encoders, segmenter=tmp_path),
        out=out,
        features=features,
        batch=4,
    )
    read = dreambench.read_photo_features(features)
    for subject, values in photo_features(benchmark, metrics, segment).items():
        assert all(torch.allclose(read[subject][n], values[n], atol=1e-5) for n in read[subject])
    assert set(read_scores(out)["references"]) == {"all photos", "one photo"}


def test_base_reads_what_the_nearest_text_says(metrics, tmp_path, monkeypatch):
    """With an image tower that sees exactly a caption's embedding, that caption is read."""
    embeddings = attribute_embeddings(metrics.clip)
    assert {name: len(values) for name, values in embeddings.items()} == {
        name: len(values) for name, values in READ.items()
    }
    seen = embeddings["colour"][[list(READ["colour"]).index("blue")]]
    monkeypatch.setattr(metrics.clip, "image_features", lambda images: seen.repeat(len(images), 1))
    with shard(
        tmp_path / "x.h5",
        {
            "subject": ["p", "q"],
            "method": ["real", "real"],
            "prompt": ["a blue ball", "a red ball"],
            "class_word": ["ball", "ball"],
            "colour": ["blue", "red"],
            "background": ["grass", "night"],
            "light": ["day", ""],
            "texture": ["plain", "striped"],
        },
        {"image": [picture(1), picture(2)]},
    ) as images:
        scores = base_scores(images, metrics.clip)
        striped = embeddings["texture"][[READ["texture"].index("striped")]]
        monkeypatch.setattr(metrics.clip, "image_features", lambda x: striped.repeat(len(x), 1))
        again = base_scores(images, metrics.clip)
        day = embeddings["light"][[READ["light"].index("day")]]
        monkeypatch.setattr(metrics.clip, "image_features", lambda x: day.repeat(len(x), 1))
        light = base_scores(images, metrics.clip)
    assert list(value(scores, "real", "colour_accuracy")) == [1, 0]
    assert list(value(again, "real", "texture_accuracy")) == [1], "a plain one names none"
    assert list(value(light, "real", "light_accuracy")) == [1], "night has none"


def test_dataset_draw_is_balanced_by_kind_and_independent_of_order():
    random = np.random.default_rng(0)
    index = pd.DataFrame(
        {
            "sample_id": [f"{i:04x}" for i in range(400)],
            "shard": "00000",
            "row": range(400),
            "kind": random.choice(["generation", "style", "colour"], 400, p=[0.7, 0.2, 0.1]),
            "accepted": random.random(400) < 0.7,
        }
    )
    index.loc[index["kind"] == "colour", "accepted"] = True  # none to compare with
    chosen = choose(index, 40, seed=0)
    counts = chosen.groupby(["kind", "accepted"]).size().unstack()
    assert (counts[True] == counts[False]).all() and "colour" not in counts.index
    assert abs(counts[True].sum() - 40) <= 1
    again = choose(index.sample(frac=1, random_state=1), 40, seed=0)
    assert list(again["sample_id"]) == list(chosen["sample_id"])
    assert list(choose(index, 40, seed=1)["sample_id"]) != list(chosen["sample_id"])


def test_mask_iou_closed_forms():
    a, b = torch.zeros(4, 4, dtype=torch.bool), torch.zeros(4, 4, dtype=torch.bool)
    a[:2], b[1:3] = True, True
    masks = torch.stack([a, a, a & ~a])
    assert mask_iou(masks, torch.stack([a, b, a & ~a])).tolist() == pytest.approx([1, 1 / 3, 0])


def test_scores_survive_parquet_and_bad_files_are_named(tmp_path):
    columns = ["method", "setting", "subject", "prompt", "metric", "value"]
    scores = pd.DataFrame([("a", "", "s", "", "dino", 0.5)], columns=columns)
    write_scores(scores, tmp_path / "x.parquet")
    assert read_scores(tmp_path / "x.parquet").to_dict() == scores.to_dict()
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(ToffeeError, match="bad.parquet"):
        read_scores(tmp_path / "bad.parquet")
