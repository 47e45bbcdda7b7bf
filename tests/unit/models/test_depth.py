"""Depth maps are relative: only their order within a picture counts."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import DPTImageProcessorPil

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


@pytest.mark.parametrize("size", [(96, 96), (70, 123), (128, 64)])
def test_depth_anything_is_read_as_its_model_card_does(depth_anything_folder, size):
    """Reference: DPT's processor on Pillow, before the model and after it."""
    array = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    array[:, : size[1] // 2] //= 4  # something to see
    estimate = DepthEstimator(depth_anything_folder)
    got = estimate(torch.from_numpy(array).permute(2, 0, 1)[None] / 255)
    processor = DPTImageProcessorPil.from_pretrained(depth_anything_folder)
    with torch.no_grad():
        output = estimate.model(**processor(Image.fromarray(array), return_tensors="pt"))
    assert min(output.predicted_depth.shape[-2:]) == 70, "the edge that fits, in patches of 14"
    (expected,) = processor.post_process_depth_estimation(output, target_sizes=[size])
    assert got.shape == (1, *size)
    assert torch.allclose(got, normalise(expected["predicted_depth"][None]), atol=0.02)


def test_depth_anything_does_not_depend_on_the_batch(depth_anything_folder):
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    together = DepthEstimator(depth_anything_folder)(images)
    alone = DepthEstimator(depth_anything_folder, batch=1)(images)
    assert torch.allclose(together, alone, atol=1e-4)
