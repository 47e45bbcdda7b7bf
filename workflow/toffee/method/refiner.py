"""The Refiner: a diffusion model that draws a picture from its patch tokens (method step 2).

Pretrained without labels to reconstruct x from E(x); at inference the tokens of an initial image
are mixed with those of the subject, and what it draws has the subject's details in the initial
image's place.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel

from toffee.config.settings import Sampling, Training
from toffee.data.loaders.images import grown, stack_images
from toffee.data.loaders.multiview import load_multiview
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import (
    Autoencoder,
    batches,
    diffusion_loss,
    draw_noising,
    load_scheduler,
)
from toffee.models.sampling import guided, hold_outside, in_parts, sample
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.unet import load_unet, token_grid, widen_unet
from toffee.runtime.compute import prepare
from toffee.runtime.device import device
from toffee.runtime.distributed import team
from toffee.runtime.files import atomic_path
from toffee.runtime.seeds import seed_of
from toffee.storage.work_folder import work_folder
from toffee.training.checkpoint import Checkpoint
from toffee.training.encoded import Computed, encode
from toffee.training.launch import in_processes
from toffee.training.loop import Schedule, fit


def refiner_input(
    unet: UNet2DConditionModel, latents: torch.Tensor, tokens: torch.Tensor
) -> torch.Tensor:
    """The UNet's input: latents, and the grid of tokens where the UNet has channels for it."""
    if unet.config.in_channels == unet.config.out_channels:
        return latents
    return torch.cat([latents, token_grid(tokens, latents.shape[-1])], 1)


@in_processes
def pretrain_refiner(
    *,
    multiview: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    out: str | Path,
    resolution: int,
    training: Training,
    token_grid: bool,
    token_dropout: float,
    seed: int,
    code: str = "",
) -> None:
    """Pretrain the Refiner on all frames of the multi-view source, without their labels.

    Args:
        multiview: root of the sequences.
        text_to_image: the base model, whose UNet the Refiner starts from.
        subject_encoder: E.
        out: folder of the Refiner's UNet.
        resolution: side of the pictures in pixels.
        training: how long and how fast.
        token_grid: also concatenate the grid of tokens to the UNet's input (our deviation).
        token_dropout: share of samples whose tokens are zeroed, which makes guidance possible.
        seed: run seed.
        code: digest of the code, so that no training is resumed by another one.
    """
    torch.manual_seed(seed_of(seed, "refiner"))
    generator = torch.Generator().manual_seed(seed_of(seed, "refiner batches"))
    base, batch = Path(text_to_image), training.batch
    encoder, autoencoder = SubjectEncoder(subject_encoder), Autoencoder(base / "vae")
    scheduler = load_scheduler(base / "scheduler")
    frames = [frame for sequence in load_multiview(multiview) for frame in sequence.frames]
    unet = widen_unet(load_unet(base / "unet"), encoder.width if token_grid else 0, encoder.width)
    settings = {
        "resolution": resolution,
        "training": asdict(training),
        "token_grid": token_grid,
        "token_dropout": token_dropout,
        "seed": seed,
        "code": code,
    }
    with work_folder(out, [multiview, text_to_image, subject_encoder], settings, team()) as folder:
        given = folder, frames, resolution, autoencoder, encoder
        data = encode_frames(*given, store=training.store)
        latents, tokens = data["latents"], data["tokens"]

        def draw() -> dict[str, torch.Tensor]:
            rows = torch.randint(len(latents), (batch,), generator=generator)
            dropped = torch.rand(batch, 1, 1, generator=generator) < token_dropout
            shape = (batch, *latents.shape[1:])
            noising = draw_noising(shape, scheduler, generator, training.times)
            return {"rows": rows, "dropped": dropped, **noising}

        def read(rows: torch.Tensor, **_: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"clean": latents[rows], "tokens": tokens[rows]}

        def loss(
            clean: torch.Tensor,
            tokens: torch.Tensor,
            dropped: torch.Tensor,
            times: torch.Tensor,
            noise: torch.Tensor,
            **_: torch.Tensor,
        ) -> torch.Tensor:
            condition = tokens.float().masked_fill(dropped, 0)

            def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
                return unet(refiner_input(unet, noisy, condition), times, condition).sample

            gamma = training.min_snr_gamma
            return diffusion_loss(predict, clean.float(), scheduler, times, noise, gamma=gamma)

        schedule = Schedule(**asdict(training))
        checkpoint = Checkpoint(folder, generator)
        fitted = fit([unet], draw, loss, schedule, "refiner", checkpoint, read)
        if team().is_main_process:
            with atomic_path(out) as target:
                unet.save_pretrained(target)
                fitted.write(target)


def encode_frames(
    folder: Path,
    frames: list[Path],
    resolution: int,
    autoencoder: Autoencoder,
    encoder: SubjectEncoder,
    estimate: DepthEstimator | None = None,
    batch: int = 64,
    store: str = "all",
) -> dict[str, Any]:
    """Encode pictures, in half precision to save room (see `toffee.training.encoded`).

    Args:
        folder: the work folder.
        frames: the pictures.
        resolution: side of the pictures in pixels.
        autoencoder, encoder, estimate: what encodes them.
        batch: pictures encoded at once.
        store: what is encoded once and kept (see config section `training`).

    Returns:
        A `Column` or `Computed` each: `latents` [F,C,h,w], patch `tokens` [F,N,d] and, with an
        estimator, normalised `depth` [F,H,W].
    """
    encoders = {"latents": autoencoder.encode, "tokens": encoder.tokens}
    if estimate is not None:
        encoders["depth"] = estimate
    kept = encoders if store == "all" else {"latents": autoencoder.encode}

    def encode_batch(span: slice) -> dict[str, torch.Tensor]:
        images = stack_images(frames[span], resolution)
        return {name: encoder(images).half() for name, encoder in kept.items()}

    def computed(encoder: Callable[[torch.Tensor], torch.Tensor]) -> Computed:
        def compute(rows: torch.Tensor) -> torch.Tensor:
            return encoder(stack_images([frames[row] for row in rows], resolution)).half()

        return Computed(compute)

    spans = batches(len(frames), batch)
    columns = encode(folder / "frames", spans, encode_batch, "encode frames")
    others = {name: computed(one) for name, one in encoders.items() if name not in kept}
    return {**columns, **others}


class Refiner:
    """The pretrained Refiner with the autoencoder and noise schedule that it was trained on."""

    def __init__(self, folder: str | Path, text_to_image: str | Path) -> None:
        self.unet = prepare(load_unet(folder))
        self.autoencoder = Autoencoder(Path(text_to_image) / "vae")
        self.scheduler = load_scheduler(Path(text_to_image) / "scheduler")

    def draw(
        self,
        tokens: torch.Tensor,
        noise: torch.Tensor,
        sampling: Sampling,
        initial: torch.Tensor | None = None,
        strength: float = 1.0,
        change: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Draw what the tokens say, from noise or over an initial image.

        Args:
            tokens: [B,N,d].
            noise: [B,C,h,w].
            sampling: steps and guidance scale over empty tokens.
            initial: pictures [B,3,H,W] in [0,1] to start from.
            strength: share of the noise schedule that the initial pictures go through.
            change: bool [B,1,H,W], the pixels that may change; around them the initial picture is
                held while drawing and put back in the end. None redraws everything.

        Returns:
            Pictures [B,3,H,W] in [0,1].
        """
        tokens = tokens.to(device())
        both = torch.cat([tokens, torch.zeros_like(tokens)])

        def predict(latents: torch.Tensor, times: torch.Tensor, guide: bool) -> torch.Tensor:
            if not guide or sampling.guidance == 1:
                entry = refiner_input(self.unet, latents, tokens)
                return self.unet(entry, times, tokens).sample
            entry = refiner_input(self.unet, torch.cat([latents] * 2), both)
            times = torch.cat([times] * 2)

            def forward(rows: slice) -> torch.Tensor:
                return self.unet(entry[rows], times[rows], both[rows]).sample

            conditional, empty = in_parts(forward, len(entry)).chunk(2)
            return guided(conditional, empty, sampling.guidance)

        start = None if initial is None else self.autoencoder.encode(initial)
        keep = None
        if change is not None and start is not None:
            change = grown(change)
            places = F.adaptive_max_pool2d(change.float(), start.shape[-1]) > 0
            keep = hold_outside(places, start, noise, self.scheduler)
        with torch.no_grad():
            drawn = sample(predict, self.scheduler, noise, sampling, start, strength, keep)
        pictures = self.autoencoder.decode(drawn)
        if change is None or initial is None:
            return pictures
        return torch.where(change, pictures, initial)
