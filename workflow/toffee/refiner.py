"""The Refiner: a diffusion model that draws a picture from its patch tokens (method step 2).

Pretrained without labels to reconstruct x from E(x); at inference the tokens of an initial image
are mixed with those of the subject, and what it draws has the subject's details in the initial
image's place.
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from toffee.data.images import grown, stack_images
from toffee.data.multiview import load_multiview
from toffee.diffusion import (
    Autoencoder,
    diffusion_loss,
    guided,
    hold_outside,
    load_scheduler,
    sample,
)
from toffee.files import atomic_path
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.unet import load_unet, token_grid, widen_unet
from toffee.seeds import seed_of
from toffee.training import Schedule, fit


def refiner_input(unet, latents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The UNet's input: latents, and the grid of tokens where the UNet has channels for it."""
    if unet.config.in_channels == unet.config.out_channels:
        return latents
    return torch.cat([latents, token_grid(tokens, latents.shape[-1])], 1)


def pretrain_refiner(
    *,
    multiview: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    out: str | Path,
    resolution: int,
    steps: int,
    batch: int,
    learning_rate: float,
    ema: float,
    token_grid: bool,
    token_dropout: float,
    seed: int,
) -> None:
    """Pretrain the Refiner on all frames of the multi-view source, without their labels.

    Args:
        multiview: root of the sequences.
        text_to_image: the base model, whose UNet the Refiner starts from.
        subject_encoder: E.
        out: folder of the Refiner's UNet.
        resolution: side of the pictures in pixels.
        steps, batch, learning_rate, ema: see `toffee.training.Schedule`.
        token_grid: also concatenate the grid of tokens to the UNet's input (our deviation).
        token_dropout: share of samples whose tokens are zeroed, which makes guidance possible.
        seed: run seed.
    """
    torch.manual_seed(seed_of(seed, "refiner"))
    generator = torch.Generator().manual_seed(seed_of(seed, "refiner batches"))
    base = Path(text_to_image)
    encoder, autoencoder = SubjectEncoder(subject_encoder), Autoencoder(base / "vae")
    scheduler = load_scheduler(base / "scheduler")
    frames = [frame for sequence in load_multiview(multiview) for frame in sequence.frames]
    latents, tokens = encode_frames(frames, resolution, autoencoder, encoder)
    unet = widen_unet(load_unet(base / "unet"), encoder.width if token_grid else 0, encoder.width)

    def loss(step: int) -> torch.Tensor:
        rows = torch.randint(len(latents), (batch,), generator=generator)
        condition = tokens[rows].float()
        dropped = torch.rand(batch, 1, 1, generator=generator) < token_dropout
        condition = condition.masked_fill(dropped, 0)
        return diffusion_loss(
            lambda noisy, times: (
                unet(refiner_input(unet, noisy, condition), times, condition).sample
            ),
            latents[rows].float(),
            scheduler,
            generator,
        )

    fit([unet], loss, Schedule(steps, batch, learning_rate, ema), "refiner")
    with atomic_path(out) as folder:
        unet.save_pretrained(folder)


def encode_frames(
    frames: list[Path],
    resolution: int,
    autoencoder: Autoencoder,
    encoder: SubjectEncoder,
    batch: int = 64,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents [F,C,h,w] and patch tokens [F,N,d] of pictures, in half precision to save memory."""
    from toffee.progress import progress

    latents, tokens = [], []
    for first in progress(range(0, len(frames), batch), desc="encode frames", unit="batch"):
        images = stack_images(frames[first : first + batch], resolution)
        latents.append(autoencoder.encode(images).half())
        tokens.append(encoder.tokens(images).half())
    return torch.cat(latents), torch.cat(tokens)


class Refiner:
    """The pretrained Refiner with the autoencoder and noise schedule that it was trained on."""

    def __init__(self, folder: Path, text_to_image: Path) -> None:
        self.unet = load_unet(folder)
        self.autoencoder = Autoencoder(Path(text_to_image) / "vae")
        self.scheduler = load_scheduler(Path(text_to_image) / "scheduler")

    def draw(
        self,
        tokens: torch.Tensor,
        noise: torch.Tensor,
        steps: int,
        guidance: float,
        initial: torch.Tensor | None = None,
        strength: float = 1.0,
        change: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Draw what the tokens say, from noise or over an initial image.

        Args:
            tokens: [B,N,d].
            noise: [B,C,h,w].
            steps: denoising steps of a full run.
            guidance: guidance scale over empty tokens; 1 does without, at half the cost.
            initial: pictures [B,3,H,W] in [0,1] to start from.
            strength: share of the noise schedule that the initial pictures go through.
            change: bool [B,1,H,W], the pixels that may change; around them the initial picture is
                held while drawing and put back in the end. None redraws everything.

        Returns:
            Pictures [B,3,H,W] in [0,1].
        """
        empty = torch.zeros_like(tokens)

        def predict(latents: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            def run(condition: torch.Tensor) -> torch.Tensor:
                entry = refiner_input(self.unet, latents, condition)
                return self.unet(entry, times, condition).sample

            if guidance == 1:
                return run(tokens)
            return guided(run(tokens), run(empty), guidance)

        start = None if initial is None else self.autoencoder.encode(initial)
        keep = None
        if change is not None:
            change = grown(change)
            places = F.adaptive_max_pool2d(change.float(), start.shape[-1]) > 0
            keep = hold_outside(places, start, noise, self.scheduler)
        with torch.no_grad():
            drawn = sample(predict, self.scheduler, noise, steps, start, strength, keep)
        pictures = self.autoencoder.decode(drawn)
        return pictures if change is None else torch.where(change, pictures, initial)
