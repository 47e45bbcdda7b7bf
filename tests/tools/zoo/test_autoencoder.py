"""What the autoencoder learns from: pixels, and more so edges."""

import pytest
import torch

from toffee_zoo.autoencoder import EDGES, redraw_loss


def test_an_equal_error_weighs_more_where_it_changes_from_pixel_to_pixel():
    images = torch.zeros(2, 3, 8, 8)
    even = torch.full_like(images, 0.1)
    columns = even * torch.tensor([1.0, -1.0]).repeat(4)  # neighbours in a row differ by 0.2
    assert redraw_loss(images, images) == 0
    assert redraw_loss(even, images) == pytest.approx(0.01)
    assert redraw_loss(columns, images) == pytest.approx(0.01 + EDGES * 0.04)
