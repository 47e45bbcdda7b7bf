"""Scores against cases that are counted by hand."""

import numpy as np
import pytest
import torch

from toffee.models.subject_encoder import SubjectEncoder
from toffee.synthesis.scores import SAME, connectedness, copy_rate, cut_out_similarity


@pytest.mark.parametrize(
    ("mask", "share"),
    [
        (["....", "....", "...."], 0.0),
        (["##..", "##..", "...."], 1.0),
        (["##..", "#...", "...#"], 3 / 4),
        (["#.#.", ".#.#", "#.#."], 1 / 6),  # a corner does not connect
        (["####", "....", "####"], 1 / 2),
    ],
)
def test_connectedness_is_the_share_of_the_largest_part(mask, share):
    assert connectedness(np.array([[c == "#" for c in row] for row in mask])) == share


def test_copy_rate_counts_the_foreground_patches_that_repeat_in_place():
    subjects = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.5
    targets = subjects + 3 * SAME
    masks = torch.zeros(4, 16, 16, dtype=torch.bool)
    masks[:, :8, :8] = True  # four of the sixteen patches
    targets[0] = subjects[0]  # all of it a copy
    targets[1, :, :4, :8] = subjects[1, :, :4, :8]  # two of the four
    targets[2, :, 8:, 8:] = subjects[2, :, 8:, 8:]  # only background
    masks[3] = False  # nothing found
    assert copy_rate(targets, subjects, masks, 4).tolist() == [1.0, 0.5, 0.0, 0.0]


def test_copy_rate_sees_a_copy_only_where_it_stayed_in_place():
    subject = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 16, 16, dtype=torch.bool)
    assert copy_rate(subject, subject, mask, 4).item() == 1
    assert copy_rate(subject.roll(8, -1), subject, mask, 4).item() == 0
    assert copy_rate(subject + 0.5 * SAME, subject, mask, 4).item() == 1


def test_similarity_is_of_the_subjects_alone_and_zero_where_none_was_found(random_zoo):
    encoder = SubjectEncoder(random_zoo / "subject_encoder")
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(3, 64, 64, dtype=torch.bool)
    masks[:2, 16:48, 16:48] = True
    elsewhere = torch.where(masks[:, None], images, 1 - images)
    found = cut_out_similarity(encoder, images, masks, elsewhere, masks)
    assert found[:2].tolist() == pytest.approx([1, 1], abs=1e-5) and found[2] == 0
