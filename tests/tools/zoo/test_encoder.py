"""The zoo's encoder losses against hand-made cases."""

import math

import pytest
import torch

from toffee_zoo.encoder import TEMPERATURE, correspondence_loss, identity_loss


def test_identity_loss_of_subjects_that_are_all_told_apart_or_not_at_all():
    distinct = torch.eye(4)
    expected = math.log(1 + 3 * math.exp(-1 / TEMPERATURE))
    assert identity_loss(distinct, 7 * distinct).item() == pytest.approx(expected, rel=1e-3)
    alike = torch.ones(4, 4)
    assert identity_loss(alike, alike).item() == pytest.approx(math.log(4))
    confused = identity_loss(distinct, distinct.roll(1, 0)).item()
    assert confused == pytest.approx(1 / TEMPERATURE + expected, rel=1e-3)


def case(turn: int):
    """Three patches a picture, far apart on the object; the tokens of b are turned by `turn`."""
    tokens = torch.eye(3)[None]
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    return (tokens, tokens.roll(turn, 1)), (points, points)


def test_a_patch_must_find_the_one_that_shows_the_same_part():
    cover = (torch.ones(1, 3), torch.ones(1, 3))
    expected = math.log(1 + 2 * math.exp(-1 / TEMPERATURE))
    right = correspondence_loss(*case(0), cover).item()
    assert right == pytest.approx(expected, rel=1e-3)
    wrong = correspondence_loss(*case(1), cover).item()
    assert wrong == pytest.approx(1 / TEMPERATURE + expected, rel=1e-3)


def test_patches_that_have_no_counterpart_or_lie_outside_teach_nothing():
    tokens, points = case(1)
    outside = (torch.zeros(1, 3), torch.ones(1, 3))
    assert correspondence_loss(tokens, points, outside).item() == 0
    hidden = (torch.ones(1, 3), torch.zeros(1, 3))
    assert correspondence_loss(tokens, points, hidden).item() == 0
    # Patch 0 alone is inside: only its error counts.
    one = (torch.tensor([[1.0, 0, 0]]), torch.ones(1, 3))
    wrong = correspondence_loss(tokens, points, one).item()
    assert wrong == pytest.approx(1 / TEMPERATURE, rel=1e-2)


def test_parts_closer_than_the_reach_share_the_target():
    tokens, points = case(0)
    near = (points[0], points[1].clone())
    near[1][0, 1] = torch.tensor([0.0, 0, 0])  # patches 0 and 1 of b show the same part
    cover = (torch.tensor([[1.0, 0, 0]]), torch.ones(1, 3))
    shared = correspondence_loss(tokens, near, cover).item()
    single = math.log(1 + 2 * math.exp(-1 / TEMPERATURE))
    assert shared == pytest.approx(0.5 / TEMPERATURE + single, rel=1e-3)
