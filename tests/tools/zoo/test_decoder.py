"""The decoder's training against a discriminator: each learns from its own loss alone."""

import pytest
import torch

from toffee_zoo.decoder import ADVERSARY, Discriminator, decoder_loss, discriminator_loss


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    real = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
    drawn = (0.5 * real).requires_grad_()
    return drawn, real


def gradients(module):
    return [parameter.grad for parameter in module.parameters()]


def test_the_decoder_learns_from_its_loss_and_the_discriminator_does_not(pictures):
    drawn, real = pictures
    discriminator = Discriminator()
    decoder_loss(discriminator, drawn, real).backward()
    assert drawn.grad.abs().sum() > 0
    assert all(gradient is None for gradient in gradients(discriminator))


def test_the_discriminator_learns_from_its_loss_and_the_decoder_does_not(pictures):
    drawn, real = pictures
    discriminator = Discriminator()
    discriminator_loss(discriminator, drawn, real).backward()
    assert drawn.grad is None
    assert all(gradient is not None for gradient in gradients(discriminator))


def test_the_discriminator_learns_to_tell_soft_pictures_from_real_ones(pictures):
    drawn, real = pictures
    torch.manual_seed(0)
    discriminator = Discriminator()
    optimizer = torch.optim.AdamW(discriminator.parameters(), lr=1e-3)
    first = discriminator_loss(discriminator, drawn, real).item()
    for _ in range(40):
        optimizer.zero_grad()
        loss = discriminator_loss(discriminator, drawn, real)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7 * first


def test_what_the_discriminator_says_pulls_the_decoder(pictures):
    """A picture that passes for a photo costs less than one of the same error."""
    _, real = pictures
    torch.manual_seed(0)
    discriminator = Discriminator()
    before = decoder_loss(discriminator, real, real)
    with torch.no_grad():
        discriminator.answer.bias += 1
    assert decoder_loss(discriminator, real, real) == pytest.approx(
        before.item() - ADVERSARY, rel=1e-3
    )
