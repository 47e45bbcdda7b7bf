"""The oracle row and its gate: how the number is taken, what it lets pass, and the real photos."""

import json
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from toffee.config import load_config
from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.photo_licences import LICENCE_FILE, read_licences
from toffee.data.loaders.references import kept_photos
from toffee.download.dreambench import check_dreambench
from toffee.evaluation.benchmark import BenchmarkImage
from toffee.evaluation.metrics import Metrics
from toffee.evaluation.oracle import check_oracle, oracle_means
from toffee.evaluation.score.dreambench import oracle_scores, photo_features
from toffee.evaluation.scores_file import write_scores
from toffee.evaluation.statistics import summarise
from toffee.runtime.errors import ToffeeError

REPOSITORY = Path(__file__).resolve().parents[3]
REFERENCES = REPOSITORY / "config" / "references" / "dreambench.yaml"


def unit(*angles: float) -> torch.Tensor:
    """Features of length 1 at some angles (degrees)."""
    turned = torch.tensor(angles).deg2rad()
    return torch.stack([turned.cos(), turned.sin()], dim=-1)


@pytest.fixture
def features() -> dict:
    """A subject of three photos and one of two; `clip_i` sees all photos as equal."""
    angles = {"three": (0.0, 30.0, 90.0), "two": (0.0, 60.0)}
    return {
        name: {"dino": unit(*values), "clip_i": unit(*[0.0] * len(values))}
        for name, values in angles.items()
    }


@pytest.fixture
def scores(features, metrics) -> pd.DataFrame:
    some = Metrics.__new__(Metrics)
    some.names = ("dino", "clip_i")
    return oracle_scores(features, some, {"three": 1, "two": 0})


THREE = np.cos(np.deg2rad([30, 90, 60])).mean()
TWO = np.cos(np.deg2rad(60))


def test_the_oracle_is_the_mean_over_pairs_of_distinct_photos(scores, features):
    means = oracle_means(scores, "dino")
    by_hand = [
        np.mean([float(a @ b) for a, b in combinations(values["dino"], 2)])
        for values in features.values()
    ]
    assert by_hand == pytest.approx([THREE, TWO])
    assert means["measured"] == pytest.approx((THREE + TWO) / 2)
    assert means["over_pairs"] == pytest.approx((3 * THREE + TWO) / 4)
    assert (means["subjects"], means["photos"]) == (2, 5)
    # what the gate compares is the row of table dreambench
    row = summarise(scores[scores["references"] == "all photos"]).set_index("metric")
    assert row.loc["dino", "value"] == pytest.approx(means["measured"])


def gate(scores, tmp_path, **values):
    path, out = tmp_path / "oracle.parquet", tmp_path / "oracle.json"
    write_scores(scores, path)
    expected = {"dino": None, "clip_i": None, "tolerance": 0.01} | values
    check_oracle(scores=path, out=out, **expected)
    return json.loads(out.read_text())


MEASURED = (THREE + TWO) / 2


@pytest.mark.parametrize("off", [-0.0099, 0.0, 0.0099])
def test_what_is_within_the_tolerance_passes(scores, tmp_path, off):
    verdict = gate(scores, tmp_path, dino=MEASURED + off, clip_i=1 - abs(off))
    assert verdict["verdict"] == "as published"
    assert verdict["metrics"]["dino"]["measured"] == pytest.approx(MEASURED)
    assert verdict["metrics"]["dino"]["expected"] == MEASURED + off


@pytest.mark.parametrize(
    ("dino", "clip_i", "named"),
    [
        (MEASURED + 0.0101, None, ["dino"]),
        (MEASURED - 0.0101, 1.0, ["dino"]),
        (MEASURED, 0.98, ["clip_i"]),
        (MEASURED + 0.5, 0.5, ["dino", "clip_i"]),
    ],
)
def test_what_is_not_stops_in_one_line_and_writes_nothing(scores, tmp_path, dino, clip_i, named):
    with pytest.raises(ToffeeError) as raised:
        gate(scores, tmp_path, dino=dino, clip_i=clip_i)
    line = str(raised.value)
    assert [name for name in ("dino", "clip_i") if f"{name} " in line.split("off")[0]] == named
    assert f"{MEASURED:.4f}" in line or named == ["clip_i"]
    assert "evaluation.oracle" in line
    assert [path.name for path in tmp_path.iterdir()] == ["oracle.parquet"]


def test_a_number_that_is_none_does_not_pass(scores, tmp_path):
    scores.loc[scores["metric"] == "dino", "value"] = float("nan")
    with pytest.raises(ToffeeError, match="score dino nan where"):
        gate(scores, tmp_path, dino=0.774)


def test_nothing_is_compared_where_nothing_is_published(scores, tmp_path):
    verdict = gate(scores, tmp_path)
    assert verdict["verdict"] == "not compared"
    assert verdict["metrics"]["clip_i"]["measured"] == pytest.approx(1)


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_the_real_scales_expect_the_published_row(scale):
    rows = pd.read_csv(REPOSITORY / "config" / "published" / "dreambench.csv")
    published = rows[rows["method"] == "Real images"].iloc[0]
    oracle = yaml.safe_load((REPOSITORY / "config" / f"{scale}.yaml").read_text())
    oracle = oracle["evaluation"]["oracle"]
    assert (oracle["dino"], oracle["clip_i"]) == (published["dino"], published["clip_i"])


def test_the_tiny_scale_expects_none():
    config = load_config(yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text()))
    oracle = config.evaluation.oracle
    assert (oracle.dino, oracle.clip_i, oracle.tolerance) == (None, None, 0.01)


@pytest.fixture(scope="module")
def real():
    beside = REPOSITORY.parent / "shared" / "dreambench"
    root = Path(os.environ.get("TOFFEE_DREAMBENCH", beside))
    if not root.is_dir():
        pytest.skip(f"no DreamBench photos at {root} (set TOFFEE_DREAMBENCH)")
    return load_benchmark(root)


def test_the_real_dataset_is_what_the_download_expects(real):
    check_dreambench(real)


def test_each_real_photo_has_a_licence(real):
    """158 photos: those of 15 subjects from Unsplash, the others taken by authors and friends."""
    licences = read_licences(real.root / "dataset" / LICENCE_FILE, real)
    assert len({(one.subject, one.file) for one in licences}) == 158
    by_name = {(one.subject, one.file): one for one in licences}
    assert all(one.source and one.licence for one in licences)
    assert by_name["dog5", "03.jpg"].source == "02 flipped"
    assert by_name["dog5", "03.jpg"].credit == "https://unsplash.com/@macrz"
    assert by_name["dog2", "05.jpg"].licence == "Unsplash"
    assert by_name["duck_toy", "00.jpg"].source == "Photos taken by Nataniel Ruiz"
    assert by_name["red_cartoon", "01.jpg"].credit.startswith("https://www.instagram.com/")
    from_unsplash = {one.subject for one in licences if one.licence == "Unsplash"}
    assert len(from_unsplash) == 15
    assert {one.licence for one in licences} == {"Unsplash", "CC-BY-4.0"}


def test_the_real_benchmark_is_3000_images(real):
    """30 subjects x 25 prompts x 4 generation seeds, each with its own noise."""
    small = yaml.safe_load((REPOSITORY / "config" / "small.yaml").read_text())
    seeds = range(small["evaluation"]["images_per_prompt"])
    images = [
        BenchmarkImage(subject, place, draw)
        for draw in seeds
        for subject in real.subjects
        for place in range(len(subject.prompts))
    ]
    assert len(images) == 3000
    assert len({one.seed(1) for one in images}) == 3000
    for one in images:
        text = one.prompt.text
        assert one.subject.class_word in text and "{" not in text and "sks" not in text
        assert one.prompt.text_with_token.replace("sks ", "") == text
        assert "  " not in text


def test_the_kept_photos_are_photos_of_the_real_dataset(real):
    kept = kept_photos(REFERENCES, real)
    assert list(kept) == [subject.subject for subject in real.subjects]
    assert set(yaml.safe_load(REFERENCES.read_text())) == set(kept), "no more than there are"


def test_the_kept_photos_are_the_lists_that_published_rows_use():
    """Of Kosmos-G and UNO: among others these, which an eye would not pick."""
    kept = yaml.safe_load(REFERENCES.read_text())
    field = {"can": "01", "candle": "02", "cat": "04", "dog": "02", "dog3": "05", "dog5": "00"}
    field |= {"duck_toy": "01", "grey_sloth_plushie": "04", "pink_sunglasses": "04"}
    field |= {"poop_emoji": "00", "red_cartoon": "00", "shiny_sneaker": "01"}
    assert {name: kept[name] for name in field} == {k: f"{v}.jpg" for k, v in field.items()}


@pytest.mark.slow
def test_the_oracle_of_real_photos_by_an_independent_metric(real, encoders):
    """The code of the oracle row on the real photos, with the one encoder of photographs that comes
    as a package: photos of the same subject are near, those of others are not."""
    metrics = Metrics(**encoders, names=("efficientnet",), device="cpu")
    features = photo_features(
        real, metrics, lambda images, words: torch.ones(len(images), *images.shape[2:]).bool()
    )
    scores = oracle_scores(features, metrics, kept_photos(REFERENCES, real))
    means = oracle_means(scores, "efficientnet")
    assert (means["subjects"], means["photos"]) == (30, 158)
    assert means["measured"] == pytest.approx(0.63, abs=0.03)
    # Whether subjects or pairs count the same is less than the gate's tolerance.
    assert means["over_pairs"] == pytest.approx(means["measured"], abs=0.01)
    one = scores[scores["references"] == "one photo"]
    assert len(one) == 158 - 30 and one["value"].mean() == pytest.approx(0.63, abs=0.05)
    everything = torch.cat([one["efficientnet"] for one in features.values()])
    owner = torch.tensor([i for i, x in enumerate(features.values()) for _ in x["efficientnet"]])
    cosine = everything @ everything.T
    same = owner[:, None] == owner[None]
    assert cosine[~same].mean() == pytest.approx(0.29, abs=0.03)
    nearest = cosine.fill_diagonal_(-1).argmax(1)
    assert (owner[nearest] == owner).float().mean() == pytest.approx(0.92, abs=0.04)
