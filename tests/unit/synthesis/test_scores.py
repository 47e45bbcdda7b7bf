"""Scores against cases that are counted by hand."""

import numpy as np
import pytest
import torch

from toffee.models.subject_encoder import SubjectEncoder
from toffee.synthesis.scores import connectedness, cut_out_similarity


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


def test_similarity_is_of_the_subjects_alone_and_zero_where_none_was_found(random_zoo):
    encoder = SubjectEncoder(random_zoo / "subject_encoder")
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(3, 64, 64, dtype=torch.bool)
    masks[:2, 16:48, 16:48] = True
    elsewhere = torch.where(masks[:, None], images, 1 - images)
    found = cut_out_similarity(encoder, images, masks, elsewhere, masks)
    assert found[:2].tolist() == pytest.approx([1, 1], abs=1e-5) and found[2] == 0
