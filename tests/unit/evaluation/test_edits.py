"""Controls of the held-out edits are the pairs' own pictures, to the bit."""

import numpy as np

from toffee.evaluation.draw.edits import TEXTS, copy_controls
from toffee.evaluation.image_set import write_image_set
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
