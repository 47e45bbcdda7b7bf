"""The View Generator: draws the subject of one picture in another pose (method step 3)."""

from dataclasses import asdict
from pathlib import Path

import torch

from toffee.config.settings import Sampling, Training
from toffee.data.loaders.multiview import load_multiview
from toffee.method.refiner import encode_frames
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import (
    Autoencoder,
    diffusion_loss,
    draw_noising,
    load_scheduler,
)
from toffee.models.sampling import guided, in_parts, sample
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.unet import load_unet, unshuffle, widen_unet
from toffee.runtime.compute import prepare
from toffee.runtime.device import device
from toffee.runtime.distributed import team
from toffee.runtime.files import atomic_path
from toffee.runtime.seeds import seed_of
from toffee.storage.work_folder import work_folder
from toffee.training.checkpoint import Checkpoint
from toffee.training.launch import in_processes
from toffee.training.loop import Schedule, fit

DROP = 0.1  # share of the samples without the subject's tokens, which makes guidance possible


@in_processes
def pretrain_view_generator(
    *,
    multiview: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    depth_estimator: str | Path,
    out: str | Path,
    resolution: int,
    training: Training,
    depth: bool,
    seed: int,
    code: str = "",
) -> None:
    """Pretrain on pairs of frames of one sequence: from E(frame a), draw frame b.

    Args:
        depth: also condition on the depth of frame b, as extra input channels, which says the pose.
            This project's deviation: from patch tokens alone a small model ignores the pose.
        The rest as in `toffee.method.refiner.pretrain_refiner`.
    """
    torch.manual_seed(seed_of(seed, "view generator"))
    generator = torch.Generator().manual_seed(seed_of(seed, "view generator batches"))
    base, batch = Path(text_to_image), training.batch
    encoder, autoencoder = SubjectEncoder(subject_encoder), Autoencoder(base / "vae")
    scheduler = load_scheduler(base / "scheduler")
    estimate = DepthEstimator(depth_estimator) if depth else None
    sequences = load_multiview(multiview)
    frames = [frame for sequence in sequences for frame in sequence.frames]
    ends = torch.tensor([len(sequence) for sequence in sequences]).cumsum(0)
    starts = torch.cat([torch.zeros(1, dtype=torch.long), ends[:-1]])
    channels = autoencoder.factor**2 if depth else 0
    unet = widen_unet(load_unet(base / "unet"), channels, encoder.width)
    inputs = [multiview, text_to_image, subject_encoder, depth_estimator]
    settings = {
        "resolution": resolution,
        "training": asdict(training),
        "depth": depth,
        "seed": seed,
        "code": code,
    }
    with work_folder(out, inputs, settings, team()) as folder:
        given = folder, frames, resolution, autoencoder, encoder, estimate
        data = encode_frames(*given, store=training.store)
        latents, tokens = data["latents"], data["tokens"]

        def draw() -> dict[str, torch.Tensor]:
            chosen = torch.randint(len(sequences), (batch,), generator=generator)
            size = ends[chosen] - starts[chosen]
            shares = torch.rand(2, batch, generator=generator)
            a = (shares[0] * size).long()
            b = (a + 1 + (shares[1] * (size - 1)).long()) % size  # any other frame
            dropped = torch.rand(batch, 1, 1, generator=generator) < DROP
            shape = (batch, *latents.shape[1:])
            noising = draw_noising(shape, scheduler, generator, training.times)
            return {"a": starts[chosen] + a, "b": starts[chosen] + b, "dropped": dropped, **noising}

        def read(a: torch.Tensor, b: torch.Tensor, **_: torch.Tensor) -> dict[str, torch.Tensor]:
            pose = {"pose": data["depth"][b]} if depth else {}
            return {"clean": latents[b], "tokens": tokens[a], **pose}

        def loss(
            clean: torch.Tensor,
            tokens: torch.Tensor,
            dropped: torch.Tensor,
            times: torch.Tensor,
            noise: torch.Tensor,
            pose: torch.Tensor | None = None,
            **_: torch.Tensor,
        ) -> torch.Tensor:
            condition = tokens.float().masked_fill(dropped, 0)

            def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
                if pose is not None:
                    noisy = torch.cat([noisy, unshuffle(pose, autoencoder.factor)], 1)
                return unet(noisy, times, condition).sample

            gamma = training.min_snr_gamma
            return diffusion_loss(predict, clean.float(), scheduler, times, noise, gamma=gamma)

        schedule = Schedule(**asdict(training))
        checkpoint = Checkpoint(folder, generator)
        fitted = fit([unet], draw, loss, schedule, "view generator", checkpoint, read)
        if team().is_main_process:
            with atomic_path(out) as target:
                unet.save_pretrained(target)
                fitted.write(target)


class ViewGenerator:
    """The pretrained View Generator with its autoencoder and noise schedule."""

    def __init__(self, folder: str | Path, text_to_image: str | Path) -> None:
        self.unet = prepare(load_unet(folder))
        self.autoencoder = Autoencoder(Path(text_to_image) / "vae")
        self.scheduler = load_scheduler(Path(text_to_image) / "scheduler")
        self.depth = self.unet.config.in_channels > self.unet.config.out_channels

    def draw(
        self,
        tokens: torch.Tensor,
        depth: torch.Tensor,
        noise: torch.Tensor,
        sampling: Sampling,
    ) -> torch.Tensor:
        """The subject of E(view a) in another pose.

        Args:
            tokens: patch tokens of view a [B,N,d].
            depth: normalised depth [B,H,W] of the pose to draw; unused by a model without depth.
            noise: [B,C,h,w].
            sampling: steps and guidance scale over empty tokens.

        Returns:
            Pictures [B,3,H,W] in [0,1].
        """
        tokens = tokens.to(device())
        both = torch.cat([tokens, torch.zeros_like(tokens)])
        pose = unshuffle(depth, self.autoencoder.factor).to(device()) if self.depth else None

        def predict(latents: torch.Tensor, times: torch.Tensor, guide: bool) -> torch.Tensor:
            entry = latents if pose is None else torch.cat([latents, pose], 1)
            if not guide or sampling.guidance == 1:
                return self.unet(entry, times, tokens).sample
            entry, times = torch.cat([entry] * 2), torch.cat([times] * 2)

            def forward(rows: slice) -> torch.Tensor:
                return self.unet(entry[rows], times[rows], both[rows]).sample

            conditional, empty = in_parts(forward, len(entry)).chunk(2)
            return guided(conditional, empty, sampling.guidance)

        with torch.no_grad():
            latents = sample(predict, self.scheduler, noise, sampling)
        return self.autoencoder.decode(latents)
