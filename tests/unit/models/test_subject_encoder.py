"""Patch tokens, and which of them show the subject."""

import pytest
import torch

from toffee.models.subject_encoder import GREY, SubjectEncoder, segmented


@pytest.fixture(scope="module")
def encoder(random_zoo):
    return SubjectEncoder(random_zoo / "subject_encoder")


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_tokens_are_one_a_patch_and_do_not_depend_on_the_batch(encoder, images):
    whole, tokens = encoder.encode(images)
    assert whole.shape == (3, encoder.width) and tokens.shape == (3, encoder.grid**2, encoder.width)
    alone = torch.cat([encoder.tokens(image[None]) for image in images])
    assert torch.allclose(tokens, alone, atol=1e-5)


def test_a_patch_is_foreground_where_a_quarter_of_it_is_covered(encoder):
    masks = torch.zeros(2, 64, 64, dtype=torch.bool)
    masks[0, :8, :8] = True  # the first patch
    masks[0, 8:10, 8:16] = True  # a quarter of the second one of the second row
    masks[0, 16:18, 16:23] = True  # less of another
    found = encoder.foreground(masks)
    assert found[0].nonzero().flatten().tolist() == [0, 9]
    assert not found[1].any()


def test_a_thin_subject_keeps_the_patch_that_it_fills_most(encoder):
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[0, 20:30, 3] = True  # a line: 4 pixels in one patch, 6 in the next
    assert encoder.foreground(masks)[0].nonzero().flatten().tolist() == [24]


def test_a_segmented_picture_is_grey_outside_of_the_mask(images):
    masks = images[:, 0] > 0.5
    shown = segmented(images, masks)
    inside = masks[:, None].expand_as(images)
    assert torch.equal(shown[inside], images[inside]) and (shown[~inside] == GREY).all()
