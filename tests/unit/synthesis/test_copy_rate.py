"""The copy rate against cases that are counted by hand."""

import torch

from toffee.synthesis.copy_rate import SAME, copy_rate


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
