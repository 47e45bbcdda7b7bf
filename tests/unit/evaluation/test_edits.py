"""Controls of the held-out edits are the pairs' own pictures, to the bit; what edits are asked is
read."""

import numpy as np
import pandas as pd
import pytest
import torch

from toffee.data.loaders.prompt_parts import PromptParts
from toffee.evaluation.draw.edits import TEXTS, copy_controls
from toffee.evaluation.image_set import write_image_set
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


class Reader:
    """A metric CLIP that reads colours: its features of a text are its last colour's axis."""

    scale = 4.0

    def text_features(self, texts):
        colours = [next((c for c in ("red", "blue") if c in text), "plain") for text in texts]
        return torch.stack([torch.eye(3)[("red", "blue", "plain").index(one)] for one in colours])


def test_a_change_is_read_before_the_other_edits_and_the_text_of_the_input():
    parts = PromptParts(["by day"], ["red", "blue"], [], [])
    texts = pd.DataFrame({"kind": ["colour"] * 3, "class_word": ["mug"] * 3})
    texts = texts.assign(prompt="a red mug by day", source_prompt="a mug by day")
    features = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0.5, 0, 0.5]])  # red, blue, reddish
    read = changes_read(Reader(), features, texts, parts)
    assert read.tolist() == pytest.approx([1 / (1 + np.exp(-4)), 1 / (1 + np.exp(4)), 0.5])
