"""How far two runs of a job are apart."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from toffee.audit.drift import drift_of
from toffee.storage.writer import ShardWriter


@pytest.fixture
def pair(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    return lambda name: (tmp_path / "a" / name, tmp_path / "b" / name)


def test_numbers_of_tables(pair):
    before, after = pair("t.csv")
    before.write_text("method,value\na,0.5\nb,nan\n")
    after.write_text("method,value\na,0.5000001\nb,nan\n")
    assert drift_of(before, after) == ""
    after.write_text("method,value\na,0.6\nb,nan\n")
    assert "0.6 instead of 0.5" in drift_of(before, after)
    after.write_text("method,value\na,0.5\nb,0.7\n")
    assert "'0.7' instead of 'nan'" in drift_of(before, after)
    after.write_text("method,value\na,0.5\n")
    assert "another number of rows" in drift_of(before, after)


def test_scores_that_come_and_go(pair):
    before, after = pair("s.parquet")
    pd.DataFrame({"m": ["x", "y"], "v": [1.0, np.nan]}).to_parquet(before)
    pd.DataFrame({"m": ["x", "y"], "v": [1.0, 0.3]}).to_parquet(after)
    assert "where there were none" in drift_of(before, after)
    pd.DataFrame({"m": ["x", "y"], "v": [1.25, np.nan]}).to_parquet(after)
    assert drift_of(before, after) == "numbers that differ by up to 0.25"


def test_weights(pair):
    before, after = pair("w.safetensors")
    save_file({"w": torch.zeros(2)}, before)
    save_file({"w": torch.tensor([0.0, 0.5])}, after)
    assert drift_of(before, after) == "weights that differ by up to 0.5"
    save_file({"w": torch.zeros(3)}, after)
    assert drift_of(before, after) == "other tensors"
    after.write_bytes(after.read_bytes()[:20])
    assert drift_of(before, after).startswith("other bytes")


def test_images_of_a_shard(pair):
    places = pair("s.h5")
    for path, level in zip(places, (10, 12), strict=True):
        with ShardWriter(path, 1, "test", {"image": "png"}, {"id": "str"}, 95) as writer:
            writer.append({"id": ["a"]}, {"image": [np.full((8, 8, 3), level, np.uint8)]})
    assert drift_of(*places) == "images that differ by up to 2 levels in the mean"


def test_rows_without_an_image(pair):
    """As generation rows of stage `edits`: absent in both runs is no drift, in one it is."""
    places, there = pair("e.h5"), [np.full((8, 8, 3), level, np.uint8) for level in (10, 11)]

    def write(path, images):
        path.unlink(missing_ok=True)
        with ShardWriter(path, 2, "test", {"target": "png"}, {"id": "str"}, 95) as writer:
            writer.append({"id": ["a", "b"]}, {"target": images})

    for path, image in zip(places, there, strict=True):
        write(path, [None, image])
    assert drift_of(*places) == "images that differ by up to 1 levels in the mean"
    write(places[1], there)
    assert drift_of(*places) == "another content: target of row 0 in one of the two runs alone"


def test_folders_name_the_file(pair, tmp_path):
    before, after = pair("x.txt")
    before.write_text("a")
    after.write_text("b")
    assert drift_of(tmp_path / "a", tmp_path / "b") == "x.txt: other bytes"
