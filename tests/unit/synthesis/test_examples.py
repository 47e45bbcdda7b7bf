"""Examples are of the stages that are there, also where an earlier attempt left a part."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import KEEP_JOURNALS
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter
from toffee.synthesis import examples

STAGES = ("initial", "refined", "views")


def write_stages(folder: Path, level: int) -> list[Path]:
    """Files of stages with pictures of one level of grey, of what was drawn again in place."""
    paths = [folder / name / "00000.h5" for name in STAGES]
    for path in paths:
        path.unlink(missing_ok=True)
        with ShardWriter(path, 2, "test", {"image": "png"}, {"sample_id": "str"}) as writer:
            pictures = [np.full((8, 8, 3), level, np.uint8)] * 2
            writer.append({"sample_id": ["a", "b"]}, {"image": pictures})
    return paths


@pytest.fixture(autouse=True)
def planned(monkeypatch):
    rows = pd.DataFrame({"kind": ["generation", "generation"], "row": [0, 1]})
    monkeypatch.setattr(examples, "read_plan", lambda path: rows)


def levels(path: Path) -> set[int]:
    with Shard(path) as shard:
        return {int(image[0, 0, 0]) for name in shard.image_names for image in shard.arrays(name)}


def test_what_a_full_disk_left_of_other_stages_is_not_resumed(tmp_path, monkeypatch):
    out, stages = tmp_path / "examples.h5", write_stages(tmp_path, 10)

    def fail(*_):
        raise ToffeeError("no space")

    with monkeypatch.context() as full:
        full.setattr(ShardWriter, "_write_hdf5", fail)
        with pytest.raises(ToffeeError, match="no space"):
            examples.keep_examples(tmp_path, *stages, out)
    assert list(tmp_path.glob("*.partial"))
    examples.keep_examples(tmp_path, *write_stages(tmp_path, 200), out)
    assert levels(out) == {200}


def test_a_kept_journal_of_other_stages_is_not_resumed(tmp_path, monkeypatch):
    monkeypatch.setenv(KEEP_JOURNALS, "1")
    out = tmp_path / "examples.h5"
    for level in (10, 11):
        examples.keep_examples(tmp_path, *write_stages(tmp_path, level), out)
        for journal in tmp_path.glob("*/*.partial"):
            journal.unlink()
        assert levels(out) == {level}
