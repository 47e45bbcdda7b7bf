"""Controls of the held-out edits are the pairs' own pictures, to the bit; what edits are asked is
read."""

import numpy as np
import pandas as pd
import pytest
import torch

from toffee.config.settings import Sampling
from toffee.data.loaders.prompt_parts import PromptParts
from toffee.evaluation.draw.edits import TEXTS, Editor, copy_controls
from toffee.evaluation.image_set import write_image_set
from toffee.evaluation.score.edits import outside_error
from toffee.evaluation.score.scoring import changes_read
from toffee.storage.reader import Shard


def test_a_control_is_the_pairs_own_picture(tmp_path):
    pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in (10, 20, 30)]
    columns = {name: [f"{name} {row}" for row in range(3)] for name in TEXTS}
    images = {"input": [*pictures[:2], None], "target": [255 - one for one in pictures]}
    write_image_set(tmp_path / "pairs.h5", columns, images, lossless=("input", "target"))
    for method, rows in (("input", [0, 1]), ("target", [0, 1, 2])):
        out = tmp_path / f"{method}.h5"
        copy_controls(method=method, pairs=tmp_path / "pairs.h5", out=out)
        with Shard(out) as shard:
            assert list(shard.column("prompt")) == [f"prompt {row}" for row in rows]
            assert set(shard.column("method")) == {method} and set(shard.column("seed")) == {"0"}
            for place, row in enumerate(rows):
                assert (shard.arrays("image", [place])[0] == images[method][row]).all()
                assert not shard.has("raw", place)


class Draws:
    """A ToffeeNet that draws grey, and keeps how it was guided, by the prompt."""

    def __init__(self):
        self.guided, self.autoencoder = {}, self

    def latent_shape(self, side):
        return 1, side, side

    def tokens(self, subjects, masks):
        return None

    reference = tokens

    def draw(self, prompts, tokens, noise, sampling, scale, subject_guidance, mask, **_):
        for prompt in prompts:
            self.guided[prompt] = sampling.guidance, subject_guidance, mask is not None
        return torch.full((len(prompts), 3, 8, 8), 0.5)


def test_edits_are_guided_apart_from_what_is_drawn_whole(tmp_path):
    kinds = ["colour", "depth", "style"]
    columns = {name: [f"{name} {row}" for row in range(3)] for name in TEXTS} | {"kind": kinds}
    picture, mask = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), bool)
    images = {name: [picture] * 3 for name in ("input", "target", "subject")}
    masks = {name: [mask] * 3 for name in ("mask", "subject_mask")}
    write_image_set(tmp_path / "pairs.h5", columns, images, masks)
    model = Draws()
    editor = Editor(model, None, (Sampling(2, 2.0), 4.0), (Sampling(2, 3.0), 1.5), 1.0)
    with Shard(tmp_path / "pairs.h5") as shard:
        drawn = editor.draw_pairs(shard, 0, 2, 0)
    assert sorted(drawn) == [0, 1, 2]
    assert model.guided == {
        "prompt 0": (3.0, 1.5, True),
        "prompt 1": (2.0, 4.0, False),
        "prompt 2": (3.0, 1.5, True),
    }


class Reader:
    """A metric CLIP that reads colours: its features of a text are its last colour's axis."""

    scale = 4.0

    def text_features(self, texts):
        colours = [next((c for c in ("red", "blue") if c in text), "plain") for text in texts]
        return torch.stack([torch.eye(3)[("red", "blue", "plain").index(one)] for one in colours])


def test_a_change_is_read_before_the_other_edits_and_was_not_in_the_input():
    parts = PromptParts(["by day"], ["red", "blue"], [], [])
    texts = pd.DataFrame({"kind": ["colour"] * 3, "class_word": ["mug"] * 3})
    texts = texts.assign(prompt="a red mug by day", source_prompt="a mug by day")
    after = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0.5, 0, 0.5]])  # red, blue, reddish and plain
    blue, yes, no = torch.eye(3)[1].repeat(3, 1), 1 / (1 + np.exp(-4)), 1 / (1 + np.exp(4))
    read = changes_read(Reader(), after, blue, texts, parts)
    # "a mug by day" is as true of a reddish mug: it is no other colour.
    assert read.tolist() == pytest.approx([yes * yes, no * yes, yes / (1 + np.exp(-2))], rel=1e-5)
    again = changes_read(Reader(), after, after, texts, parts)
    assert again.tolist() == pytest.approx(
        [yes * no, no * yes, 1 / (2 + np.exp(2) + np.exp(-2))], rel=1e-5
    )


def test_a_picture_without_an_outside_has_no_error_there():
    images, before = torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :2], masks[1] = True, True
    error = outside_error(images, before, masks)
    assert error[0] == 1 and error[1].isnan()
