"""The base model, which knows a subject by its words alone: what ToffeeNet is compared with."""

from functools import lru_cache

import torch
from PIL import Image

from toffee.config.settings import Sampling
from toffee.data.loaders.images import to_arrays
from toffee.models.text_to_image import TextToImage


def draw_base(
    folder: str, prompt: str, seed: int, side: int, steps: int, guidance: float
) -> Image.Image:
    """A picture of a prompt, from the noise that ToffeeNet's pipeline begins with for this seed.

    Args:
        folder: the text-to-image model in hub layout.
        side: of the picture, in pixels.
        steps, guidance: denoising steps; weight of the text.

    Raises:
        ToffeeError: the model cannot be loaded.
    """
    model = _loaded(folder)
    shape = model.autoencoder.latent_shape(side)
    noise = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    drawn = model.draw([prompt], noise[None], Sampling(steps, guidance))
    return Image.fromarray(to_arrays(drawn)[0])


@lru_cache(maxsize=1)
def _loaded(folder: str) -> TextToImage:
    return TextToImage(folder)
