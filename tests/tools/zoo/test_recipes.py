"""The record of a trained part: how it was made, and how what lies inside of it was."""

import json

from toffee.training.loop import Fit, Schedule
from toffee_zoo import recipes as module
from toffee_zoo.assemble import assemble_zoo
from toffee_zoo.recipes import RECORD, Recipe, train_zoo_part


def train(renders, out, schedule, seed, **needs):
    out.mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(sorted(needs)))
    return Fit(losses=[2.0, 1.0])


def test_the_record_says_how_a_part_was_trained(tmp_path, monkeypatch):
    made = {
        "autoencoder": Recipe(train, Schedule(3, 2, 1e-3), 1),
        "clip": Recipe(train, Schedule(4, 2, 1e-3), 2),
        "text_to_image": Recipe(train, Schedule(5, 8, 1e-3), 7, ("autoencoder", "clip")),
    }
    monkeypatch.setattr(module, "recipes", lambda: made)
    for part, recipe in made.items():
        needs = [tmp_path / name for name in recipe.needs]
        train_zoo_part(part, tmp_path / "renders", tmp_path / part, needs)
    record = json.loads((tmp_path / "text_to_image" / RECORD).read_text())
    assert record["command"] == "python -m toffee_zoo.recipes text_to_image"
    assert (record["seed"], record["steps"], record["batch"]) == (7, 5, 8)
    assert record["losses"] == {"training": 1.0}
    # The autoencoder has no folder of its own in the zoo; the text encoder's model has.
    assert set(record["parts"]) == {"autoencoder"}
    assert record["parts"]["autoencoder"]["steps"] == 3

    assemble_zoo([tmp_path / "clip", tmp_path / "text_to_image"], tmp_path / "zoo")
    manifest = json.loads((tmp_path / "zoo" / "manifest.json").read_text())["parts"]
    assert manifest["text_to_image"]["parts"] == record["parts"]
    assert set(manifest["text_to_image"]["files"]) == {"config.json"}
