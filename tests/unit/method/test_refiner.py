"""The Refiner's hold on what it may not change, with stand-ins for its networks."""

from types import SimpleNamespace

import pytest
import torch

from toffee.config.settings import Sampling
from toffee.data.loaders.images import grown
from toffee.method.refiner import Refiner
from toffee_zoo.text_to_image import build_scheduler


class Blocks:
    """An autoencoder of 8 × 8 blocks: a latent is the block's mean colour."""

    def encode(self, images):
        return torch.nn.functional.avg_pool2d(images, 8)

    def decode(self, latents):
        return latents.repeat_interleave(8, 2).repeat_interleave(8, 3).clamp(0, 1)


class Painter:
    """A UNet that wants every place to be the mean of the tokens."""

    config = SimpleNamespace(in_channels=3, out_channels=3)

    def __init__(self, scheduler):
        self.scheduler, self.entered = scheduler, []

    def __call__(self, latents, times, tokens):
        self.entered.append((latents, times))
        share = self.scheduler.alphas_cumprod[times][:, None, None, None]
        signal, spread = share.sqrt(), (1 - share).sqrt()
        clean = tokens.mean(1)[..., None, None].expand_as(latents)
        noise = (latents - signal * clean) / spread
        return SimpleNamespace(sample=signal * noise - spread * clean)


@pytest.fixture
def refiner():
    model = Refiner.__new__(Refiner)
    model.autoencoder, model.scheduler = Blocks(), build_scheduler()
    model.unet = Painter(model.scheduler)
    return model


def drawn(refiner, change):
    generator = torch.Generator().manual_seed(0)
    initial = torch.rand(2, 3, 32, 32, generator=generator)
    noise = torch.randn(2, 3, 4, 4, generator=generator)
    tokens = torch.full((2, 5, 3), 0.25)
    return initial, noise, refiner.draw(tokens, noise, Sampling(10, 1.0), initial, 0.9, change)


def test_without_a_mask_everything_is_redrawn(refiner):
    *_, picture = drawn(refiner, None)
    assert torch.allclose(picture, torch.full_like(picture, 0.25), atol=2e-3)


def test_with_a_mask_the_initial_picture_stays_around_it(refiner):
    change = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    change[0, :, 8:16, 8:20] = True  # the second picture has nothing that may change
    initial, noise, picture = drawn(refiner, change)
    outside = ~grown(change).expand_as(initial)
    assert torch.equal(picture[outside], initial[outside])
    assert torch.allclose(picture[~outside], torch.tensor(0.25), atol=2e-3)
    # The network, too, sees the initial picture there, as noisy as the step has it.
    assert len(refiner.unet.entered) == 9
    for latents, times in refiner.unet.entered:
        held = refiner.scheduler.add_noise(refiner.autoencoder.encode(initial), noise, times)
        assert torch.equal(latents[1], held[1])
