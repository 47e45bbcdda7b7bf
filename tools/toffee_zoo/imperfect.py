"""Pictures as a generator draws them, for the trainings of models that will look at such pictures.

What the base model draws has gone through the decoder, from latents that are not quite those of any
picture: edges and patterns smear. A model that only saw renders misses objects in such pictures.
"""

import numpy as np
import torch
import torch.nn.functional as F

from toffee.models.diffusion import Autoencoder

NOISE = 0.6  # most noise in the latents, of their spread


def softened(images: torch.Tensor, draw: np.random.Generator, share: float) -> torch.Tensor:
    """A share of pictures [B,3,H,W] at half of their resolution: cheaper than `redrawn`, and less
    like what is drawn."""
    soft = F.interpolate(F.avg_pool2d(images, 2), size=images.shape[-1], mode="bilinear")
    chosen = torch.from_numpy(draw.random(len(images)) < share)
    return torch.where(chosen[:, None, None, None], soft, images)


def redrawn(
    images: torch.Tensor, draw: np.random.Generator, share: float, autoencoder: Autoencoder
) -> torch.Tensor:
    """A share of pictures [B,3,H,W] in [0,1] redrawn by the autoencoder, from latents with noise.

    How much noise is drawn for each picture, between none and `NOISE`.
    """
    chosen = np.flatnonzero(draw.random(len(images)) < share)
    if not len(chosen):
        return images
    latents = autoencoder.encode(images[chosen])
    level = torch.from_numpy(draw.uniform(0, NOISE, (len(chosen), 1, 1, 1))).float()
    noise = torch.from_numpy(draw.standard_normal(latents.shape, dtype="float32"))
    images = images.clone()
    images[chosen] = autoencoder.decode(latents + level * noise)
    return images
