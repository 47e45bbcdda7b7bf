"""The cost of a pair, against sums done by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from toffee.config.sections.filter import SCORES, Filter
from toffee.figures.cost import plot_cost
from toffee.runtime.errors import ToffeeError
from toffee.synthesis.thresholds import SHARES
from toffee.tables.cost import tabulate_cost

PUBLISHED = Path(__file__).resolve().parents[3] / "config/published/cost.csv"


def job(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tcpu_time\n{seconds}\t0:00:01\tNA\n")
    return path


SIMILAR = {100: 0.4, 200: 0.6, 400: 0.8}
"""Similarity of DreamBooth's images to one photo, by steps; the filter takes half of them."""


def write_steps(path: Path) -> Path:
    rows = [
        # each class has prompts of its own
        ("dreambooth", f"{steps} steps", subject, f"{subject} p{prompt}", metric, value)
        for steps, similar in SIMILAR.items()
        for subject in ("a", "b")
        for prompt in range(4)
        for metric, value in (
            *((name, 0.5) for name in SCORES if name != "subject_similarity"),
            ("subject_similarity", 0.9 if prompt % 2 else 0.1),
            # what the filter rejects does not count
            ("dino_masked_one_photo", similar if prompt % 2 else 1.0),
        )
    ]
    columns = ["method", "setting", "subject", "prompt", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_parquet(path)
    return path


def write_pairs(path: Path, similar: float) -> Path:
    kinds = {"generation": similar, "colour": 0.1}
    rows = [
        (method, "all", subject, "p", "dino_masked", value, kind)
        for method, less in (("accepted", 0.0), ("rejected", 0.3))
        for subject in ("s0", "s1")
        for kind, value in ((kind, value - less) for kind, value in kinds.items())
    ]
    columns = ["method", "setting", "subject", "prompt", "metric", "value", "kind"]
    pd.DataFrame(rows, columns=columns).to_parquet(path)
    return path


@pytest.fixture
def given(tmp_path):
    """Two shards of 10 and 30 accepted pairs (of 80 candidates for 20 subjects), two tuned."""
    shards = ["00000"] * 40 + ["00001"] * 40
    accepted = [True] * 10 + [False] * 30 + [True] * 30 + [False] * 10
    pd.DataFrame({"shard": shards, "accepted": accepted}).to_parquet(tmp_path / "index.parquet")
    subjects = pd.DataFrame({"subject": [f"s{n % 20}" for n in range(80)]})
    (tmp_path / "plan").mkdir()
    for shard in range(2):
        part = subjects.iloc[40 * shard : 40 * shard + 40]
        part.to_parquet(tmp_path / "plan" / f"{shard:05d}.parquet")
    (tmp_path / "seconds.csv").write_text(
        "subject,class_word,images,prior_seconds,tune_seconds,draw_seconds\n"
        "a,ball,10,2,30,1\nb,ball,10,0,34,1\n"
    )
    (tmp_path / "accepted.csv").write_text("subject,candidates,accepted\na,10,10\nb,10,5\n")
    thresholds = dict.fromkeys(Filter.model_fields, 0.0) | {"min_subject_similarity": 0.5}
    thresholds |= {"max_copy_rate": 1.0, "max_mask_area": 1.0}
    return {
        "steps_scores": write_steps(tmp_path / "steps.parquet"),
        "pair_scores": write_pairs(tmp_path / "pairs.parquet", 0.7),
        "thresholds": thresholds,
        "steps": 400,
        "stages": [
            job(tmp_path / "benchmarks/draw_initial/00000.tsv", 4),
            job(tmp_path / "benchmarks/draw_initial/00001.tsv", 8),
            job(tmp_path / "benchmarks/filter_dataset.tsv", 2),
        ],
        "pretraining": [job(tmp_path / "benchmarks/pretrain_refiner.tsv", 100)],
        "index": tmp_path / "index.parquet",
        "plan": sorted((tmp_path / "plan").iterdir()),
        "seconds": [tmp_path / "seconds.csv"],
        "accepted": tmp_path / "accepted.csv",
        "published": PUBLISHED,
        "csv": tmp_path / "cost.csv",
        "page": tmp_path / "cost.md",
    }


def test_seconds_are_shared_by_accepted_pairs(given):
    tabulate_cost(**given)
    table = pd.read_csv(given["csv"]).set_index(["method", "setting", "metric"])["value"]
    assert table["Toffee", "draw_initial", "seconds_per_pair"] == pytest.approx(12 / 40)
    assert table["Toffee", "filter_dataset", "seconds_per_pair"] == pytest.approx(2 / 40)
    ours = table["Toffee", "all stages", "seconds_per_pair"]
    assert ours == pytest.approx(14 / 40)
    # 4 candidates a subject: 4 and 2 are accepted, at 30 + 4 · 0.1 and 34 + 4 · 0.1 seconds
    rival = table["DreamBooth", "4 images per subject", "seconds_per_pair"]
    assert rival == pytest.approx((30.4 + 34.4) / 6)
    ratio = table["DreamBooth / Toffee"].xs("ratio", level="metric")
    assert list(ratio) == pytest.approx(  # the CSV has six digits
        [
            rival / ours,
            rival / (ours + 100 / 40),
            rival / (ours + 100 / 2e6),
            # 300 of 400 steps are as similar, and half of 4 candidates are accepted
            (30 * 0.75 + 0.4 + 34 * 0.75 + 0.4) / 4 / ours,
        ],
        rel=1e-4,
    )
    assert list(ratio.index) == [
        "marginal, 4 images per subject",
        "pretraining shared by this run's pairs",
        "pretraining shared by 1 million subjects",
        "at equal quality, 300 steps",
    ]
    hours = table.xs("projection: 1 million subjects, 2.00 pairs each", level="setting")
    assert hours["Toffee", "hours"] == pytest.approx(2e6 * ours / 3600 + 100 / 3600, rel=1e-5)
    assert hours["DreamBooth", "hours"] == pytest.approx(2e6 * rival / 3600, rel=1e-5)
    shared = table["Toffee", "pretraining, shared by 1 million subjects", "seconds_per_pair"]
    assert shared == pytest.approx(100 / 2e6)
    assert table["SuTI", :, "hours"].item() == 83_000


def test_a_fine_tuning_weighs_less_with_more_images(given):
    tabulate_cost(**given)
    table = pd.read_csv(given["csv"])
    rival = table[(table["method"] == "DreamBooth") & (table["metric"] == "seconds_per_pair")]
    assert list(rival["value"]) == sorted(rival["value"], reverse=True)
    assert "not comparable" in given["page"].read_text()


@pytest.mark.parametrize(
    ("similar", "name"),
    [(0.3, "at most 100 steps"), (0.9, "not reached, best at 400 steps")],
)
def test_quality_that_no_number_of_steps_has_is_said(given, tmp_path, similar, name):
    given["pair_scores"] = write_pairs(tmp_path / "pairs.parquet", similar)
    tabulate_cost(**given)
    assert f"at equal quality, {name}" in given["page"].read_text()


def test_where_nothing_is_accepted_there_is_no_ratio_at_equal_quality(given):
    given["thresholds"] = given["thresholds"] | {"min_subject_similarity": 0.95}
    tabulate_cost(**given)
    table = pd.read_csv(given["csv"]).set_index("setting")["value"]
    assert np.isnan(table["at equal quality, nothing accepted to compare"])
    assert table["marginal, 4 images per subject"] > 0


def test_a_threshold_may_be_a_quantile_of_the_calibration(given, tmp_path):
    """As the large scales give them: quantile 0.5 of cosines from 0 to 1 is 0.5."""
    tabulate_cost(**given)
    with_numbers = given["csv"].read_text()
    evenly = {"class": {"n": 100, "quantiles": SHARES}}
    given["calibration"] = tmp_path / "calibration.json"
    given["calibration"].write_text(json.dumps({"subject": evenly, "match": {}, "text": {}}))
    given["thresholds"] = given["thresholds"] | {"min_subject_similarity": "class:0.5"}
    tabulate_cost(**given)
    assert given["csv"].read_text() == with_numbers


def test_figure_keeps_measured_and_published_apart(given, tmp_path):
    tabulate_cost(**given)
    plot_cost(given["csv"], tmp_path / "cost.png")
    pixels = np.asarray(Image.open(tmp_path / "cost.png").convert("RGB"))
    assert pixels.shape[1] == 1200 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_what_is_missing_is_named(given, tmp_path):
    (training,) = given["pretraining"]
    training.write_text("nothing\n1\n")
    with pytest.raises(ToffeeError, match=r"pretrain_refiner\.tsv: column s is missing"):
        tabulate_cost(**given)
    job(training, 1)
    (tmp_path / "accepted.csv").write_text("subject,candidates,accepted\na,10,0\nb,10,0\n")
    with pytest.raises(ToffeeError, match=r"accepted\.csv: the filter accepts no image"):
        tabulate_cost(**given)
    assert not given["csv"].exists()
