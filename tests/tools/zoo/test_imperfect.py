"""Pictures made as if they had been drawn: which ones, and how much."""

import numpy as np
import torch

from toffee_zoo.imperfect import NOISE, redrawn, softened

PICTURES = torch.rand(400, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Codes:
    """An autoencoder that loses nothing: pictures are their own latents."""

    def encode(self, images):
        return images

    def decode(self, latents):
        return latents


def changed(images: torch.Tensor) -> torch.Tensor:
    """Root mean squared change of each picture."""
    return (images - PICTURES).square().flatten(1).mean(1).sqrt()


def test_a_share_of_pictures_is_redrawn_from_latents_with_more_or_less_noise():
    before = PICTURES.clone()
    change = changed(redrawn(PICTURES, np.random.default_rng(1), 0.3, Codes()))
    assert torch.equal(PICTURES, before)
    levels = change[change > 0]
    assert 0.2 < len(levels) / len(PICTURES) < 0.4
    assert levels.min() < 0.1 * NOISE and 0.9 * NOISE < levels.max() < 1.3 * NOISE
    assert (redrawn(PICTURES, np.random.default_rng(1), 0, Codes()) == PICTURES).all()


def test_a_share_of_pictures_is_softened():
    soft = softened(PICTURES, np.random.default_rng(1), 0.3)
    chosen = changed(soft) > 0
    assert 0.2 < chosen.float().mean() < 0.4
    assert soft[chosen].var() < 0.5 * PICTURES[chosen].var()
