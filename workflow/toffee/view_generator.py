"""The View Generator: draws the subject of one picture in another pose (method step 3)."""

from pathlib import Path

import torch

from toffee.data.images import stack_images
from toffee.data.multiview import load_multiview
from toffee.diffusion import Autoencoder, diffusion_loss, guided, load_scheduler, sample
from toffee.files import atomic_path
from toffee.models.depth import DepthEstimator
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.unet import load_unet, unshuffle, widen_unet
from toffee.refiner import encode_frames
from toffee.seeds import seed_of
from toffee.training import Schedule, fit

DROP = 0.1  # share of the samples without the subject's tokens, which makes guidance possible


def pretrain_view_generator(
    *,
    multiview: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    depth_estimator: str | Path,
    out: str | Path,
    resolution: int,
    steps: int,
    batch: int,
    learning_rate: float,
    ema: float,
    depth: bool,
    seed: int,
) -> None:
    """Pretrain on pairs of frames of one sequence: from E(frame a), draw frame b.

    Args:
        depth: also condition on the depth of frame b, as extra input channels, which says the pose.
            This project's deviation: from patch tokens alone a small model ignores the pose.
        The rest as in `toffee.refiner.pretrain_refiner`.
    """
    torch.manual_seed(seed_of(seed, "view generator"))
    generator = torch.Generator().manual_seed(seed_of(seed, "view generator batches"))
    base = Path(text_to_image)
    encoder, autoencoder = SubjectEncoder(subject_encoder), Autoencoder(base / "vae")
    scheduler = load_scheduler(base / "scheduler")
    sequences = load_multiview(multiview)
    frames = [frame for sequence in sequences for frame in sequence.frames]
    ends = torch.tensor([len(sequence) for sequence in sequences]).cumsum(0)
    starts = torch.cat([torch.zeros(1, dtype=torch.long), ends[:-1]])
    latents, tokens = encode_frames(frames, resolution, autoencoder, encoder)
    maps = _depth_of(frames, resolution, DepthEstimator(depth_estimator)) if depth else None
    channels = autoencoder.factor**2 if depth else 0
    unet = widen_unet(load_unet(base / "unet"), channels, encoder.width)

    def loss(step: int) -> torch.Tensor:
        chosen = torch.randint(len(sequences), (batch,), generator=generator)
        size = ends[chosen] - starts[chosen]
        shares = torch.rand(2, batch, generator=generator)
        a = (shares[0] * size).long()
        b = (a + 1 + (shares[1] * (size - 1)).long()) % size  # any other frame
        a, b = starts[chosen] + a, starts[chosen] + b
        dropped = torch.rand(batch, 1, 1, generator=generator) < DROP
        condition = tokens[a].float().masked_fill(dropped, 0)

        def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            if maps is not None:
                noisy = torch.cat([noisy, unshuffle(maps[b], autoencoder.factor)], 1)
            return unet(noisy, times, condition).sample

        return diffusion_loss(predict, latents[b].float(), scheduler, generator)

    fit([unet], loss, Schedule(steps, batch, learning_rate, ema), "view generator")
    with atomic_path(out) as folder:
        unet.save_pretrained(folder)


def _depth_of(frames: list[Path], resolution: int, estimate: DepthEstimator) -> torch.Tensor:
    """Normalised depth [F,H,W] of pictures, in half precision."""
    parts = [
        estimate(stack_images(frames[first : first + 64], resolution)).half()
        for first in range(0, len(frames), 64)
    ]
    return torch.cat(parts)


class ViewGenerator:
    """The pretrained View Generator with its autoencoder and noise schedule."""

    def __init__(self, folder: Path, text_to_image: Path) -> None:
        self.unet = load_unet(folder)
        self.autoencoder = Autoencoder(Path(text_to_image) / "vae")
        self.scheduler = load_scheduler(Path(text_to_image) / "scheduler")
        self.depth = self.unet.config.in_channels > self.unet.config.out_channels

    def draw(
        self,
        tokens: torch.Tensor,
        depth: torch.Tensor,
        noise: torch.Tensor,
        steps: int,
        guidance: float,
    ) -> torch.Tensor:
        """The subject of E(view a) in another pose.

        Args:
            tokens: patch tokens of view a [B,N,d].
            depth: normalised depth [B,H,W] of the pose to draw; unused by a model without depth.
            noise: [B,C,h,w].
            steps, guidance: denoising steps and guidance scale over empty tokens.

        Returns:
            Pictures [B,3,H,W] in [0,1].
        """
        empty = torch.zeros_like(tokens)
        pose = unshuffle(depth, self.autoencoder.factor) if self.depth else None

        def predict(latents: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            entry = latents if pose is None else torch.cat([latents, pose], 1)
            drawn = self.unet(entry, times, tokens).sample
            if guidance == 1:
                return drawn
            return guided(drawn, self.unet(entry, times, empty).sample, guidance)

        with torch.no_grad():
            latents = sample(predict, self.scheduler, noise, steps)
        return self.autoencoder.decode(latents)
