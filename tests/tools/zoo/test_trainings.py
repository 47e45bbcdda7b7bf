"""The whole of `make zoo`, two steps of each training: from renders to a measured zoo."""

import json
from dataclasses import replace

import torch
from safetensors.torch import load_file

from toffee.config.models import ROLES
from toffee_zoo import measure, recipes
from toffee_zoo.assemble import assemble_zoo
from toffee_zoo.renders import draw_zoo_renders

WEIGHTS = "diffusion_pytorch_model.safetensors"


def test_every_part_is_trained_and_measured(tmp_path, monkeypatch):
    made = {
        part: replace(recipe, schedule=replace(recipe.schedule, steps=2, batch=4))
        for part, recipe in recipes.recipes().items()
    }
    monkeypatch.setattr(recipes, "recipes", lambda: made)
    monkeypatch.setattr(measure, "SUBJECTS", 2)
    monkeypatch.setattr(measure, "PROMPTS", 2)
    draw_zoo_renders(tmp_path / "renders", subjects=24, views=2)
    for part, recipe in made.items():
        needs = [tmp_path / name for name in recipe.needs]
        recipes.train_zoo_part(part, tmp_path / "renders", tmp_path / part, needs)
    assemble_zoo([tmp_path / role for role in ROLES], tmp_path / "zoo")
    parts = json.loads((tmp_path / "zoo" / "manifest.json").read_text())["parts"]
    records = [*parts.values(), parts["text_to_image"]["parts"]["decoder"]]
    for record in records:
        assert record["steps"] == 2 and len(record["losses"]["curve"]) == 2
        assert record["cpu_seconds"] > 0
        assert all(value >= 0 for value in record["heldout"].values())
    assert parts["text_to_image"]["parts"]["decoder"]["heldout"]["psnr"] > 0
    # The decoder's training leaves the encoder, and no path of this machine in the config.
    before, after = (tmp_path / part / WEIGHTS for part in ("autoencoder", "decoder"))
    kept, trained = load_file(before), load_file(after)
    same = {name: torch.equal(value, trained[name]) for name, value in kept.items()}
    assert all(same[name] for name in same if name.startswith("encoder"))
    assert not all(same[name] for name in same if name.startswith("decoder"))
    assert (before.parent / "config.json").read_text() == (after.parent / "config.json").read_text()
