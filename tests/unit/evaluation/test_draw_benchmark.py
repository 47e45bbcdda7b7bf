"""What a benchmark's methods are shown of a subject."""

from dataclasses import replace
from pathlib import Path

import torch

from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.world.write import write_benchmark
from toffee.evaluation.draw import benchmark as draw


class Everything:
    """A segmenter that finds the whole picture."""

    def segment(self, images, class_words):
        return torch.ones(len(images), *images.shape[2:], dtype=torch.bool)


def test_the_kept_photo_comes_first_and_photos_return_where_there_are_no_more(tmp_path: Path):
    write_benchmark(tmp_path / "benchmark", 2)
    subjects = load_benchmark(tmp_path / "benchmark").subjects
    three = replace(subjects[0], photos=subjects[0].photos[:3])
    assert draw._shown(three, 1, 4) == [1, 2, 0, 1]
    assert draw._shown(three, 2, 1) == [2]
    photos, masks = draw._photos([three, subjects[1]], [2, 0], Everything(), 64)
    assert torch.equal(photos[0], draw.read_photo(three.photos[2], 64))
    assert torch.equal(photos[1], draw.read_photo(subjects[1].photos[0], 64))
    assert masks.shape == (2, 64, 64) and masks.all()
