"""Table and figure `scaling`, against slopes and seconds that were put in."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from toffee.evaluation.names import ALL
from toffee.figures.scaling import fewer_subjects, plot_scaling
from toffee.runtime.errors import ToffeeError
from toffee.tables.scaling import SLOPE, tabulate_scaling

PAIRS = {"toffeenet": 640, "sixteenth": 40, "four": 2560, "few": 160, "long": 2560}
STEPS = {"toffeenet": 700, "sixteenth": 700, "four": 700, "few": 700, "long": 1400}
SHARES = dict.fromkeys(PAIRS, 1.0) | {"few": 0.25}
TUNED = {"dreambooth-100-steps": 100, "dreambooth": 400}
SUBJECTS = 12


def write_scores(path, name, dino, training=0):
    random = np.random.default_rng(0)  # the same subjects for all
    rows = [
        (f"{name}-{training}" if training else name, "", f"s{s}", "p", metric, value, ALL, "0")
        for s in range(SUBJECTS)
        for metric, value in (("dino", dino + 0.1 * random.normal()), ("clip_t", 0.6))
    ]
    columns = ["method", "setting", "subject", "prompt", "metric", "value", "references", "seed"]
    pd.DataFrame(rows, columns=columns).to_parquet(path)
    return path


@pytest.fixture
def given(tmp_path):
    """DINO rises by 0.01 for each doubling, and by chance of the training by none."""
    scores, models, trained, seconds = [], [], [], []
    for name, pairs in PAIRS.items():
        for training in range(2):
            path = tmp_path / f"{name}-{training}.parquet"
            scores.append(write_scores(path, name, 0.5 + 0.01 * np.log2(pairs), training))
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        subjects = 64 if name == "few" else 256
        (folder / "toffeenet.json").write_text(json.dumps({"pairs": pairs, "subjects": subjects}))
        models.append(folder)
        trained.append(tmp_path / f"{name}.tsv")
        trained[-1].write_text("s\n100\n")
    for place, name in enumerate(TUNED):
        scores.append(write_scores(tmp_path / f"{name}.parquet", name, 0.6))
        path = tmp_path / name / "seconds" / "0.csv"
        path.parent.mkdir(parents=True)
        path.write_text(f"subject,tune_seconds\na,{place + 1}\nb,{place + 2}\n")
        seconds.append(path)
    cost = tmp_path / "cost.csv"
    cost.write_text(
        "method,setting,metric,value\nToffee,all stages,seconds_per_pair,0.5\n"
        "Toffee,pretraining of the Refiner,seconds,300\nDreamBooth,fine-tuning,seconds,9\n"
    )
    return {
        "scores": scores,
        "models": models,
        "trained": trained,
        "seconds": seconds,
        "cost": cost,
        "steps": STEPS,
        "shares": SHARES,
        "tuned": TUNED,
        "csv": tmp_path / "scaling.csv",
        "page": tmp_path / "scaling.md",
        "encoders": "x",
    }


def rows_of(path):
    table = pd.read_csv(path)
    table["setting"] = table["setting"].str.partition(";")[0]
    return table.set_index(["method", "setting", "metric"])


def test_the_slope_is_that_of_the_pairs_and_has_an_error(given):
    tabulate_scaling(**given)
    row = rows_of(given["csv"]).loc[SLOPE, "700 steps", "dino"]
    assert row["value"] == pytest.approx(0.01) and row["stderr"] == pytest.approx(0, abs=1e-9)
    assert row["n"] == SUBJECTS
    text = given["page"].read_text()
    assert "**`dino` rises** at 700 steps: +0.0100 ± 0.0000 for each doubling." in text
    assert "**`clip_t` has no slope that shows** at 700 steps" in text
    # one ToffeeNet alone has no slope
    assert (SLOPE, "1400 steps", "dino") not in rows_of(given["csv"]).index


def test_seconds_are_those_of_all_that_a_row_needs(given):
    tabulate_scaling(**given)
    table = rows_of(given["csv"])["value"]
    assert table["four", "2560 pairs, 256 subjects, 700 steps", "seconds"] == 300 + 1280 + 100
    assert table["few", "160 pairs, 64 subjects, 700 steps", "subjects"] == 64
    assert table["dreambooth", "100 steps", "seconds"] == 3
    assert table["dreambooth", "400 steps", "seconds"] == 5
    assert table["dreambooth", "400 steps", "dino"] == table["dreambooth", "100 steps", "dino"]


def test_the_figure_is_drawn_from_the_table(given, tmp_path):
    tabulate_scaling(**given)
    plot_scaling(given["csv"], tmp_path / "scaling.png")
    pixels = np.asarray(Image.open(tmp_path / "scaling.png"))
    assert pixels.shape[1] == 1200 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_no_slope_is_said_to_be_none(given):
    given["steps"] = {name: 700 + place for place, name in enumerate(PAIRS)}
    tabulate_scaling(**given)
    assert "**No slope**" in given["page"].read_text()


def test_what_is_missing_is_named(given):
    (given["models"][0] / "toffeenet.json").write_text("{}")
    with pytest.raises(ToffeeError, match=r"toffeenet\.json: expected JSON with pairs and subj"):
        tabulate_scaling(**given)
    assert not given["csv"].exists()


def test_fewer_pairs_are_a_line_and_fewer_subjects_stand_alone():
    counts = {"pairs": [21, 85, 82, 340, 1356, 340], "subjects": [21, 75, 50, 197, 250, 100]}
    nets = pd.DataFrame({("value", name): values for name, values in counts.items()})
    steps = pd.Index(["700 steps"] * 5 + ["1400 steps"])
    assert list(fewer_subjects(nets, steps)) == [False, False, True, False, False, False]
    assert fewer_subjects(nets[:0], steps[:0]).shape == (0,)
