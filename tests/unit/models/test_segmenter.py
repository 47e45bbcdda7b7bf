"""Masks from class words."""

import pytest
import torch

from toffee.errors import ToffeeError
from toffee.models.segmenter import Segmenter


@pytest.fixture
def segmenter(random_zoo):
    return Segmenter(random_zoo / "segmenter")


@pytest.fixture(scope="module")
def images():
    return torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_an_unknown_class_word_is_one_line(segmenter, images):
    with pytest.raises(ToffeeError, match="segmenter: no label 'zebra'; expected one of") as error:
        segmenter.segment(images[:2], ["mug", "zebra"])
    assert "\n" not in str(error.value) and "mug" in str(error.value)


def test_a_class_that_is_less_likely_than_the_background_has_an_empty_mask(segmenter, images):
    bias = segmenter.model.decode_head.classifier.bias
    with torch.no_grad():
        bias[segmenter.labels["mug"]] -= 100
        bias[segmenter.labels["car"]] += 100
    masks = segmenter.segment(images, ["mug", "car", "mug", "car", "mug"])
    assert masks.dtype == torch.bool and masks.shape == (5, 64, 64)
    assert masks.flatten(1).any(1).tolist() == [False, True, False, True, False]
    assert masks[1].all()  # other classes do not compete


def test_a_mask_is_the_same_alone_and_in_a_batch(segmenter, images):
    words = ["mug", "car", "tree", "ball", "mug"]
    whole = segmenter.segment(images, words)
    segmenter.batch = 2
    assert torch.equal(whole, segmenter.segment(images, words))
    assert torch.equal(whole[3:4], segmenter.segment(images[3:4], ["ball"]))
