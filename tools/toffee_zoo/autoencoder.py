"""The zoo's autoencoder: pictures to latents an eighth of their size, and back."""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC

from toffee.training.loop import Fit
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

CHANNELS, FACTOR = 16, 8
NOISE = 0.1  # of a latent's scale: what the decoder must put up with from a diffusion model
EDGES = 0.25  # weight of the gradients' error beside the pixels'


def build_autoencoder() -> AutoencoderDC:
    """A small AutoencoderDC: factor 8, 16 latent channels.

    The first stage has no layers of its own at full resolution: there a CPU spends its time.
    """
    stages = {"block_out_channels": (16, 32, 64, 128), "layers_per_block": (0, 1, 2, 2)}
    blocks = ("ResBlock",) * 4
    return AutoencoderDC(
        in_channels=3,
        latent_channels=CHANNELS,
        encoder_block_types=blocks,
        decoder_block_types=blocks,
        **{f"encoder_{key}": value for key, value in stages.items()},
        **{f"decoder_{key}": value for key, value in stages.items()},
        encoder_qkv_multiscales=((),) * 4,
        decoder_qkv_multiscales=((),) * 4,
        downsample_block_type="pixel_unshuffle",
        upsample_block_type="pixel_shuffle",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
    )


def laplacian(images: torch.Tensor) -> torch.Tensor:
    """Laplacian [B,1,H-2,W-2] of the brightness of pictures [B,3,H,W]: fine detail and edges."""
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    return F.conv2d(images.mean(1, keepdim=True), kernel[None, None].to(images))


def redraw_loss(drawn: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Squared error of pixels and of the differences between neighbours, pictures [B,3,H,W]."""
    error = drawn - images
    edges = sum(error.diff(dim=dim).square().mean() for dim in (2, 3))
    return error.square().mean() + EDGES * edges


def train_autoencoder(renders: Path, out: Path, course: Course) -> Fit:
    """Train to redraw renders (see `redraw_loss`).

    Noise on the latents and a small penalty on their square keep them smooth enough for diffusion.
    The scaling factor of the finished model brings its latents to unit standard deviation.
    """
    data, draw = Renders(renders), course.draw
    model = build_autoencoder().to(memory_format=torch.channels_last)

    def batch() -> dict[str, torch.Tensor]:
        images = data.images(draw.integers(len(data), size=course.schedule.batch)) * 2 - 1
        side = images.shape[-1] // FACTOR
        return {"images": images, "noise": draw.noise(len(images), CHANNELS, side, side)}

    def loss(images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        latents = model.encode(images).latent
        drawn = model.decode(latents + NOISE * noise).sample
        return redraw_loss(drawn, images) + 1e-3 * latents.square().mean()

    result = course.fit([model], batch, loss)
    with torch.no_grad():
        images = (data.images(draw.integers(len(data), size=512)) * 2 - 1).to(model.device)
        spread = torch.cat([model.encode(part).latent for part in images.split(64)]).std()
    model.register_to_config(scaling_factor=round(1 / spread.item(), 4))
    model.half().save_pretrained(out)
    return result
