"""Masks from class words."""

import pytest
import torch

from toffee.models.semantic_segmenter import SemanticSegmenter
from toffee.runtime.errors import ToffeeError


@pytest.fixture
def segmenter(random_zoo):
    return SemanticSegmenter(random_zoo / "segmenter")


@pytest.fixture(scope="module")
def images():
    return torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_an_unknown_class_word_is_one_line(segmenter, images):
    with pytest.raises(ToffeeError, match="segmenter: no label 'zebra'; expected one of") as error:
        segmenter.segment(images[:2], ["mug", "zebra"])
    assert "\n" not in str(error.value) and "mug" in str(error.value)


def favour(segmenter, label: int) -> None:
    """Make a label the likeliest of every pixel."""
    with torch.no_grad():
        segmenter.model.decode_head.classifier.bias[label] += 100


def test_a_picture_of_background_has_empty_masks(segmenter, images):
    favour(segmenter, 0)
    assert not segmenter.segment(images, ["mug", "car", "mug", "car", "mug"]).any()


def test_an_object_has_a_mask_under_its_own_word_only(segmenter, images):
    favour(segmenter, segmenter.labels["car"])
    masks = segmenter.segment(images, ["mug", "car", "mug", "car", "mug"])
    assert masks.dtype == torch.bool and masks.shape == (5, 64, 64)
    assert masks.flatten(1).any(1).tolist() == [False, True, False, True, False]
    assert masks[1].all()


def test_a_mask_is_the_same_alone_and_in_a_batch(segmenter, images):
    words = ["mug", "car", "tree", "ball", "mug"]
    whole = segmenter.segment(images, words)
    segmenter.batch = 2
    twos, alone = segmenter.segment(images, words), segmenter.segment(images[3:4], ["ball"])
    # Where two labels are equally likely, rounding in another batch may decide.
    assert (twos != whole).float().mean() < 1e-3 and (alone != whole[3:4]).float().mean() < 1e-3
