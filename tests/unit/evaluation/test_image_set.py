"""Sets of pictures: what an earlier attempt left is taken for the same set alone."""

import numpy as np
import pytest

from toffee.evaluation.image_set import write_image_set
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter


@pytest.mark.parametrize(
    "columns", [{"prompt": ["new"], "kind": ["a"]}, {"prompt": ["old"], "kind": ["b"]}]
)
def test_what_a_full_disk_left_of_other_texts_is_not_resumed(tmp_path, columns, monkeypatch):
    out, images = tmp_path / "set.h5", {"image": [np.zeros((8, 8, 3), np.uint8)]}

    def fail(*_):
        raise ToffeeError("no space")

    with monkeypatch.context() as full:
        full.setattr(ShardWriter, "_write_hdf5", fail)
        with pytest.raises(ToffeeError, match="no space"):
            write_image_set(out, {"prompt": ["old"], "kind": ["a"]}, images)
    assert out.with_name("set.h5.partial").exists()
    write_image_set(out, columns, images)
    with Shard(out) as shard:
        assert {name: list(shard.column(name)) for name in shard.column_names} == columns
