"""A subject of the benchmark that was trained on is found."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from toffee.evaluation.metrics import histogram
from toffee.evaluation.score import scoring
from toffee.evaluation.score.leakage import METRICS, score_leakage
from toffee.models.folders import MetricModels

from .test_scores import BOX, segment


class Colours:
    """Stands in for the metrics: histograms for both."""

    def __init__(self, *_, names, batch):
        self.names, self.batch = names, batch

    def features(self, images, masks):
        found = [histogram(x, m) for x, m in zip(images, masks, strict=True)]
        return dict.fromkeys(self.names, torch.stack(found))

    def similarity(self, name, a, b):
        return torch.minimum(a, b).sum(-1)


def flat(number: int) -> np.ndarray:
    colour = np.array([60 + 64 * (number >> shift & 1) for shift in range(3)], np.uint8)
    return np.where(BOX[..., None], colour, np.uint8(0))


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folders(tmp_path):
    """Subjects 1 and 2 are trained, 3 and 4 are held out; the benchmark has 2 and 5."""
    save(tmp_path / "subjects/images/one.png", flat(1))
    (tmp_path / "subjects/metadata.csv").write_text(
        "file_name,subject,class_word,caption\none.png,one,ball,a ball\n"
    )
    for root, name, number in (
        ("multiview", "two", 2),
        ("multiview_heldout", "three", 3),
        ("multiview_heldout", "four", 4),
    ):
        for view in ("000", "001"):
            save(tmp_path / f"{root}/ball/{name}/images/{view}.png", flat(number))
            save(tmp_path / f"{root}/ball/{name}/masks/{view}.png", (BOX * 255).astype(np.uint8))
    for name, number in (("leaked", 2), ("new", 5)):
        for photo in ("00", "01"):
            save(tmp_path / f"benchmark/dataset/{name}/{photo}.png", flat(number))
    (tmp_path / "benchmark/dataset/prompts_and_classes.txt").write_text(
        "Classes\nsubject_name,class\nleaked,ball\nnew,ball\n\nPrompts\n\nObject Prompts\n"
        "prompt_list = [\n'a {0} {1} on the sand'.format(unique_token, class_token),\n]\n"
    )
    return tmp_path


def test_a_leaked_subject_is_as_near_as_its_own_photos(folders, monkeypatch):
    monkeypatch.setattr(scoring, "Metrics", Colours)
    monkeypatch.setattr(scoring, "load_segmenter", lambda *_: SimpleNamespace(segment=segment))
    out = folders / "leakage.csv"
    score_leakage(
        benchmark=folders / "benchmark",
        subjects=folders / "subjects",
        multiview=folders / "multiview",
        multiview_heldout=folders / "multiview_heldout",
        models=MetricModels(Path(), Path(), Path()),
        out=out,
        resolution=64,
        batch=2,
    )
    table = pd.read_csv(out).set_index("subject")
    for name in METRICS:
        near, own = table[f"nearest_{name}"], table[f"own_{name}"]
        assert near["leaked"] == pytest.approx(own["leaked"]) == 1
        assert near["new"] < 0.5 < own["new"]
    assert table.loc["leaked", "nearest"] == "two"
    assert (table["among"] == 2).all()
    assert table.loc["leaked", "trained"] > table.loc["leaked", "untrained"]


class Balls:
    """A segmenter that knows balls alone."""

    labels = ("ball",)

    def segment(self, images, words):
        assert set(words) == {"ball"}
        return segment(images, words)


def test_a_photo_that_no_pair_can_have_is_left_out(folders, monkeypatch):
    monkeypatch.setattr(scoring, "Metrics", Colours)
    monkeypatch.setattr(scoring, "load_segmenter", lambda *_: Balls())
    save(folders / "subjects/images/pot.png", flat(2))
    with open(folders / "subjects/metadata.csv", "a") as table:
        table.write("pot.png,pot,teapot,a teapot\n")
    places = ("benchmark", "subjects", "multiview", "multiview_heldout")
    models = MetricModels(Path(), Path(), Path())
    out = folders / "leakage.csv"
    paths = {name: folders / name for name in places}
    score_leakage(**paths, models=models, out=out, resolution=64, batch=2)
    assert "pot" not in set(pd.read_csv(out)["nearest"])
