"""A sharper decoder for the zoo's autoencoder, against a discriminator.

Of all pictures that latents may stand for, a squared or absolute error draws the mean: a blur. A
discriminator tells blurs from photos, so the decoder draws one of these pictures instead (Esser et
al., arXiv 2012.09841, as the decoders of Stable Diffusion). The encoder stays as it is, and with it
everything that was trained on its latents.
"""

import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from torch import nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import spectral_norm

from toffee.models.load import load_model
from toffee.training.loop import Fit
from toffee_zoo.autoencoder import redraw_loss
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

NOISE = 0.1  # of the latents' spread: what the decoder must put up with from a diffusion model
ADVERSARY, FEATURES = 0.02, 0.02  # weights of what the discriminator says, and of what it sees
WIDTH = 48  # of its first layer
BLEND = 0.65  # share of the trained weights in those that are kept; the rest is the weights before


class Discriminator(nn.Module):
    """Says of every part of a picture whether it is from a photo (Isola et al., arXiv 1611.07004).

    Spectral norms keep it from being so sure that the decoder learns nothing (arXiv 1802.05957).
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = ((3, 1, 4, 2), (1, 2, 4, 2), (2, 2, 3, 1), (2, 4, 4, 2))
        self.layers = nn.ModuleList(
            spectral_norm(
                nn.Conv2d(before if before == 3 else WIDTH * before, WIDTH * after, kernel, step, 1)
            )
            for before, after, kernel, step in sizes
        )
        self.answer = spectral_norm(nn.Conv2d(4 * WIDTH, 1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Pictures [B,3,H,W] in [-1,1] to answers [B,1,H/8,W/8], above 0 for a photo, and the
        features of each layer."""
        features = []
        for layer in self.layers:
            images = F.leaky_relu(layer(images), 0.2)
            features.append(images)
        return self.answer(images), features


def decoder_loss(
    discriminator: Discriminator, drawn: torch.Tensor, images: torch.Tensor
) -> torch.Tensor:
    """What the decoder learns from: errors of pixels and gradients, and the discriminator's view.

    The discriminator itself learns nothing from it.
    """
    fixed = {name: value.detach() for name, value in discriminator.named_parameters()}
    answers, seen = functional_call(discriminator, fixed, (drawn,))
    with torch.no_grad():
        _, real = discriminator(images)
    features = sum(F.l1_loss(one, other) for one, other in zip(seen, real, strict=True))
    return redraw_loss(drawn, images) + FEATURES * features - ADVERSARY * answers.mean()


def discriminator_loss(
    discriminator: Discriminator, drawn: torch.Tensor, images: torch.Tensor
) -> torch.Tensor:
    """The hinge loss that the discriminator learns from; the decoder learns nothing from it."""
    real, _ = discriminator(images)
    made, _ = discriminator(drawn.detach())
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def train_decoder(renders: Path, autoencoder: Path, out: Path, course: Course) -> Fit:
    """Train the decoder on, and leave the encoder; writes the whole autoencoder.

    The weights that are kept lie between those before and after, which takes away most of the grain
    that a discriminator brings (network interpolation, Wang et al., arXiv 1809.00219).
    """
    data, draw = Renders(renders), course.draw
    model = load_model(AutoencoderDC, autoencoder).to(memory_format=torch.channels_last)
    model.decoder.requires_grad_(True)
    spread = 1 / model.config.scaling_factor
    discriminator = Discriminator()
    before = [parameter.detach().clone() for parameter in model.decoder.parameters()]

    def batch() -> dict[str, torch.Tensor]:
        images = data.images(draw.integers(len(data), size=course.schedule.batch)) * 2 - 1
        with torch.no_grad():
            latents = model.encode(images).latent
        return {"images": images, "latents": latents + NOISE * spread * draw.noise(*latents.shape)}

    def loss(images: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        drawn = model.decode(latents).sample
        return decoder_loss(discriminator, drawn, images) + discriminator_loss(
            discriminator, drawn, images
        )

    result = course.fit([model.decoder, discriminator], batch, loss)
    with torch.no_grad():
        for parameter, start in zip(model.decoder.parameters(), before, strict=True):
            parameter.lerp_(start.to(parameter), 1 - BLEND)
    model.half().save_pretrained(out)
    # As it was: diffusers adds the path that the model was read from.
    shutil.copy(autoencoder / "config.json", out / "config.json")
    return result
