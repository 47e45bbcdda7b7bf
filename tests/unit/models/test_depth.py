"""Depth maps are relative: only their order within a picture counts."""

import torch

from toffee.models.depth import DepthEstimator, normalise


def test_each_map_spans_zero_to_one_whatever_its_scale_and_shift():
    maps = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    stretched = normalise(maps)
    assert (stretched.amin((1, 2)) == 0).all() and (stretched.amax((1, 2)) == 1).all()
    assert torch.allclose(stretched, normalise(40 * maps - 3), atol=1e-5)
    assert torch.equal(stretched[1:2], normalise(maps[1:2]))
    order = maps[0].flatten().argsort()
    assert torch.equal(order, stretched[0].flatten().argsort())


def test_a_flat_map_is_far_everywhere():
    assert torch.equal(normalise(torch.full((2, 4, 4), 0.7)), torch.zeros(2, 4, 4))


def test_estimates_have_the_size_of_their_pictures(random_zoo):
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    depth = DepthEstimator(random_zoo / "depth", batch=1)(images)
    assert depth.shape == (2, 64, 64) and depth.min() == 0 and depth.max() == 1
