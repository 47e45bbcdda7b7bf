"""The View Generator: draws the subject of one picture in another pose (method step 3)."""

from dataclasses import asdict
from itertools import product
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from toffee.config.settings import CANVAS, Sampling, Training
from toffee.data.loaders.multiview import load_multiview
from toffee.method.canvas import drawn_by
from toffee.method.pair_latents import grey_latents
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
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.runtime.seeds import seed_of
from toffee.storage.work_folder import work_folder
from toffee.training.checkpoint import Checkpoint
from toffee.training.launch import in_processes
from toffee.training.loop import Schedule, fit

DROP = 0.1  # share of the samples that are not shown the subject, which makes guidance possible


def entry_channels(autoencoder: Autoencoder, depth: bool, canvas: bool) -> int:
    """Input channels of the UNet besides the latents: the depth to draw, and what a canvas shows
    as given (see `toffee.method.canvas`)."""
    return (autoencoder.factor**2 if depth else 0) + (autoencoder.channels if canvas else 0)


def what_is_shown(autoencoder: Autoencoder, given: int, out: str | Path) -> tuple[bool, bool]:
    """Whether the UNet with as many of these channels is shown depth, and a canvas.

    Raises:
        ToffeeError: the number is that of no View Generator, or of two; the line names `out`.
    """
    choices = product((False, True), (False, True))
    ways = {way: entry_channels(autoencoder, *way) for way in choices}
    found = [way for way, channels in ways.items() if channels == given]
    if len(found) != 1:
        expected = ", ".join(map(str, ways.values()))
        raise ToffeeError(
            f"{out}: {given} input channels besides the latents do not tell what this View "
            f"Generator is shown; with this autoencoder they are one of {expected}"
        )
    return found[0]


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
    reference: str,
    seed: int,
    code: str = "",
) -> None:
    """Pretrain on pairs of frames of one sequence: from E(frame a), draw frame b.

    Args:
        depth: also condition on the depth of frame b, as extra input channels, which says the pose.
            This project's deviation: from patch tokens alone a small model ignores the pose.
        reference: `tokens`, the paper's E(frame a) alone, or `canvas`, also its latents beside
            those of frame b (see `toffee.method.canvas`; ours).
        The rest as in `toffee.method.refiner.pretrain_refiner`.

    Raises:
        ToffeeError: the UNet's channels could not tell later what it was trained with.
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
    canvas, factor = reference == CANVAS, autoencoder.factor
    channels = entry_channels(autoencoder, depth, canvas)
    what_is_shown(autoencoder, channels, out)  # what is trained must be of use
    unet = widen_unet(load_unet(base / "unet"), channels, encoder.width)
    empty = grey_latents(autoencoder, resolution, resolution)
    inputs = [multiview, text_to_image, subject_encoder, depth_estimator]
    settings = {
        "resolution": resolution,
        "training": asdict(training),
        "depth": depth,
        "reference": reference,
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
            more = {"pose": data["depth"][b]} if depth else {}
            if canvas:
                more["shown"] = latents[a]
            return {"clean": latents[b], "tokens": tokens[a], **more}

        def loss(
            clean: torch.Tensor,
            tokens: torch.Tensor,
            dropped: torch.Tensor,
            times: torch.Tensor,
            noise: torch.Tensor,
            pose: torch.Tensor | None = None,
            shown: torch.Tensor | None = None,
            **_: torch.Tensor,
        ) -> torch.Tensor:
            condition = tokens.float().masked_fill(dropped, 0)
            if shown is not None:
                none = empty.to(shown.device)
                shown = torch.where(dropped[..., None], none, shown.float())

            def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
                return draw_view(unet, noisy, times, condition, pose, shown, factor)

            gamma = training.min_snr_gamma
            return diffusion_loss(predict, clean.float(), scheduler, times, noise, gamma=gamma)

        schedule = Schedule(**asdict(training))
        checkpoint = Checkpoint(folder, generator)
        fitted = fit([unet], draw, loss, schedule, "view generator", checkpoint, read)
        if team().is_main_process:
            with atomic_path(out) as target:
                unet.save_pretrained(target)
                fitted.write(target)


def draw_view(
    unet: UNet2DConditionModel,
    noisy: torch.Tensor,
    times: torch.Tensor,
    tokens: torch.Tensor,
    depth: torch.Tensor | None,
    reference: torch.Tensor | None,
    factor: int,
) -> torch.Tensor:
    """The UNet's prediction [B,C,h,w].

    Args:
        tokens: patch tokens of the view that is shown [B,N,d].
        depth: of the pose to draw [B,H,W], or None.
        reference: latents of the view that is shown [B,C,h,w], for a canvas, or None.
        factor: of the autoencoder.
    """
    entry = noisy[:, :0] if depth is None else unshuffle(depth, factor)
    given_at = entry.shape[1]
    if reference is not None:  # of the picture to draw nothing is given
        entry = torch.cat([entry, torch.zeros_like(noisy)], 1)
    return drawn_by(unet, noisy, entry, times, tokens, reference, given_at)


class ViewGenerator:
    """The pretrained View Generator with its autoencoder and noise schedule.

    Attributes:
        depth: whether it is shown the depth of the pose to draw.
        canvas: whether it sees the latents of the view that is shown beside its own.

    Raises:
        ToffeeError: the channels of its input do not tell which of the two it was trained with.
    """

    def __init__(self, folder: str | Path, text_to_image: str | Path) -> None:
        self.unet = prepare(load_unet(folder))
        self.autoencoder = Autoencoder(Path(text_to_image) / "vae")
        self.scheduler = load_scheduler(Path(text_to_image) / "scheduler")
        given = self.unet.config.in_channels - self.unet.config.out_channels
        self.depth, self.canvas = what_is_shown(self.autoencoder, given, folder)

    def reference(self, pictures: torch.Tensor) -> torch.Tensor | None:
        """Latents [B,C,h,w] of view a [B,3,H,W] for the canvas; None without one."""
        return self.autoencoder.encode(pictures) if self.canvas else None

    def draw(
        self,
        tokens: torch.Tensor,
        depth: torch.Tensor,
        noise: torch.Tensor,
        sampling: Sampling,
        reference: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The subject of E(view a) in another pose.

        Args:
            tokens: patch tokens of view a [B,N,d].
            depth: normalised depth [B,H,W] of the pose to draw; unused by a model without depth.
            noise: [B,C,h,w].
            sampling: steps and guidance scale over a view that shows nothing.
            reference: what `reference` gives for view a; None shows none on the canvas.

        Returns:
            Pictures [B,3,H,W] in [0,1].
        """
        guides, factor = sampling.guidance != 1, self.autoencoder.factor
        shown, pose, beside = [tokens], None, None
        if guides:
            shown.append(torch.zeros_like(tokens))
        seen = torch.cat(shown).to(device())
        if self.depth:
            pose = torch.cat([depth] * len(shown)).to(device())
        if self.canvas:
            empty = grey_latents(self.autoencoder, *depth.shape[1:]).expand(noise.shape)
            first = empty if reference is None else reference
            beside = torch.cat([first, empty][: len(shown)]).to(device())

        def predict(latents: torch.Tensor, times: torch.Tensor, guide: bool) -> torch.Tensor:
            halves = 2 if guide and guides else 1
            latents, times = torch.cat([latents] * halves), torch.cat([times] * halves)

            def forward(rows: slice) -> torch.Tensor:
                maps, view = (None if one is None else one[rows] for one in (pose, beside))
                now = latents[rows], times[rows], seen[rows]
                return draw_view(self.unet, *now, maps, view, factor)

            drawn = in_parts(forward, len(latents))
            if halves == 1:
                return drawn
            conditional, nothing = drawn.chunk(2)
            return guided(conditional, nothing, sampling.guidance)

        with torch.no_grad():
            latents = sample(predict, self.scheduler, noise, sampling)
        return self.autoencoder.decode(latents)
