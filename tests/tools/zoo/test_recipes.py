"""The record of a trained part: how it was made, and how what lies inside of it was."""

import json

import pytest
import torch

from toffee.training.loop import Fit, Schedule
from toffee_zoo import recipes as module
from toffee_zoo.assemble import assemble_zoo
from toffee_zoo.recipes import RECORD, Recipe, train_zoo_part
from toffee_zoo.training import curve


def train(renders, out, course, **needs):
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(sorted(needs)))
    return Fit(losses=[2.0, 1.0])


def test_the_record_says_how_a_part_was_trained(tmp_path, monkeypatch):
    made = {
        "autoencoder": Recipe(train, Schedule(3, 2, 1e-3), 1, dtype="bfloat16"),
        "decoder": Recipe(train, Schedule(6, 2, 1e-3), 1, ("autoencoder",), ("autoencoder",)),
        "clip": Recipe(train, Schedule(4, 2, 1e-3), 2),
        "text_to_image": Recipe(
            train, Schedule(5, 8, 1e-3), 7, ("decoder", "clip"), inside=("decoder",)
        ),
        "segmenter": Recipe(train, Schedule(5, 8, 1e-3), 8, ("decoder",)),
    }
    monkeypatch.setattr(module, "recipes", lambda: made)
    (tmp_path / "renders").mkdir()
    for part, recipe in made.items():
        needs = [tmp_path / name for name in recipe.needs]
        train_zoo_part(part, tmp_path / "renders", tmp_path / part, needs)
    record = json.loads((tmp_path / "text_to_image" / RECORD).read_text())
    assert record["command"] == "python -m toffee_zoo.recipes text_to_image"
    assert (record["seed"], record["steps"], record["batch"]) == (7, 5, 8)
    assert record["losses"] == {"training": 1.0, "curve": [[1, 2.0], [2, 1.0]]}
    # Autoencoder and decoder have no folder of their own in the zoo; the text encoder's model has.
    assert set(record["parts"]) == {"decoder"}
    # The segmenter is trained on what the decoder draws, and does not hold it.
    assert "parts" not in json.loads((tmp_path / "segmenter" / RECORD).read_text())
    decoder = record["parts"]["decoder"]
    assert decoder["steps"] == 6
    assert decoder["parts"]["autoencoder"]["steps"] == 3
    assert decoder["parts"]["autoencoder"]["dtype"] == "bfloat16"

    figures = {"clip": {"texture": 0.9}, "decoder": {"psnr": 31.0}}
    monkeypatch.setattr("toffee_zoo.assemble.measure_zoo", lambda zoo: figures)
    assemble_zoo([tmp_path / "clip", tmp_path / "text_to_image"], tmp_path / "zoo")
    manifest = json.loads((tmp_path / "zoo" / "manifest.json").read_text())["parts"]
    assert manifest["clip"]["heldout"] == {"texture": 0.9}
    assert manifest["text_to_image"]["parts"]["decoder"]["heldout"] == {"psnr": 31.0}
    assert set(manifest["text_to_image"]["files"]) == {"config.json"}


class Killed(BaseException):
    pass


def test_a_stopped_training_ends_like_one_that_was_not(tmp_path, monkeypatch):
    """Weights, losses and time: the second attempt goes on from the checkpoint of the first."""
    monkeypatch.setenv("TOFFEE_CHECKPOINT_EVERY", "2")
    (tmp_path / "renders").mkdir()
    steps = []

    def dropout_training(renders, out, course):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5))

        def batch():
            steps.append(None)
            if len(steps) == stop:
                raise Killed
            return {"x": course.draw.noise(course.schedule.batch, 4) + course.draw.random()}

        result = course.fit([model], batch, lambda x: (model(x) - x).square().mean())
        out.mkdir(exist_ok=True)
        torch.save(model.state_dict(), out / "weights.pt")
        return result

    part = {"depth": Recipe(dropout_training, Schedule(8, 4, 0.1, 0.9), 5)}
    monkeypatch.setattr(module, "recipes", lambda: part)
    stop = 0
    train_zoo_part("depth", tmp_path / "renders", tmp_path / "whole", [])
    steps.clear()
    stop = 6
    with pytest.raises(Killed):
        train_zoo_part("depth", tmp_path / "renders", tmp_path / "resumed", [])
    assert not (tmp_path / "resumed").exists()
    steps.clear()
    stop = 0
    train_zoo_part("depth", tmp_path / "renders", tmp_path / "resumed", [])
    assert len(steps) == 4  # of the eight
    whole, resumed = (torch.load(tmp_path / name / "weights.pt") for name in ("whole", "resumed"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    records = [json.loads((tmp_path / n / RECORD).read_text()) for n in ("whole", "resumed")]
    assert records[0]["losses"] == records[1]["losses"]


def test_a_curve_has_the_mean_of_every_span():
    assert curve([4.0, 2.0, 1.0, 0.0], points=2) == [(2, 3.0), (4, 0.5)]
    assert curve([1.0], points=40) == [(1, 1.0)]
    assert curve([float(n) for n in range(1000)])[-1] == (1000, 987.0)
