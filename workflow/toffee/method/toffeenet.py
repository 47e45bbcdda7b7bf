"""ToffeeNet: one diffusion model for subject-driven generation and editing (method step 7)."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from toffee.config.settings import CANVAS, Conditioning, Sampling, Subset, Training
from toffee.method.canvas import drawn_by
from toffee.method.guidance import forwards
from toffee.method.pair_latents import grey_latents, hidden
from toffee.method.pairs import CHANGES, read_pairs
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder, diffusion_loss, draw_noising, load_scheduler
from toffee.models.sampling import sample
from toffee.models.subject_encoder import SubjectEncoder, cut_out
from toffee.models.text_to_image import TextEncoder
from toffee.models.unet import (
    add_canvas_attention,
    add_subject_attention,
    load_unet,
    set_subject_scale,
    start_subject_attention,
    unshuffle,
    widen_unet,
)
from toffee.runtime.compute import prepare
from toffee.runtime.device import device
from toffee.runtime.distributed import team
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.runtime.seeds import seed_of
from toffee.storage.work_folder import work_folder
from toffee.training.checkpoint import Checkpoint
from toffee.training.launch import in_processes
from toffee.training.loop import Fit, Schedule, fit

WHOLE = Subset()
WEIGHTS, CONFIG = "diffusion_pytorch_model.safetensors", "toffeenet.json"


@in_processes
def train_toffeenet(
    *,
    index: str | Path,
    shards: list[str],
    encoded: str | Path,
    text_to_image: str | Path,
    subject_encoder: str | Path,
    depth_estimator: str | Path,
    view_generator: str | Path,
    out: str | Path,
    resolution: int,
    training: Training,
    conditioning: Conditioning,
    seed: int,
    training_seed: int = 0,
    subset: Subset = WHOLE,
    code: str = "",
) -> None:
    """Train on the accepted pairs of the index.

    Args:
        index: `dataset/index.parquet` of the filter.
        shards: the shard files that it points to.
        encoded: latents of the pairs, from `toffee.method.pairs.encode_pairs`.
        view_generator: its cross-attention already finds a subject's parts among the tokens, so the
            subject's attention starts from it.
        conditioning: kinds of pairs (`both`, `generation` for ToffeeNet-G, `editing` for
            ToffeeNet-E), the share of samples whose target is the subject's view itself, the share
            that shows the subject's photo, the shares without a condition, which conditions there
            are, and the share of changes of the subject (see `Conditioning`).
        training_seed: number of the training; each has draws of its own.
        subset: the part of the pairs that is used.
        The rest as in `toffee.method.refiner.pretrain_refiner`.

    Raises:
        ToffeeError: the index accepts no pair of these kinds.
    """
    torch.manual_seed(seed_of(seed, "toffeenet", attempt=training_seed))
    draws = seed_of(seed, "toffeenet batches", attempt=training_seed)
    generator = torch.Generator().manual_seed(draws)
    base, batch = Path(text_to_image), training.batch
    drop_text, drop_both = conditioning.drop_text, conditioning.drop_both
    encoder, autoencoder = SubjectEncoder(subject_encoder), Autoencoder(base / "vae")
    scheduler, text = load_scheduler(base / "scheduler"), TextEncoder(base)
    estimate = DepthEstimator(depth_estimator) if conditioning.depth else None
    models = [text_to_image, subject_encoder, depth_estimator, view_generator]
    inputs = [index, *shards, encoded, *models]
    settings = {
        "resolution": resolution,
        "training": asdict(training),
        "conditioning": asdict(conditioning),
        "seed": seed,
        "training_seed": training_seed,
        "subset": asdict(subset),
        "code": code,
    }
    with work_folder(out, inputs, settings, team()) as folder:
        encoders = encoder, autoencoder, estimate
        given = index, shards, encoded, subset, conditioning
        pairs = read_pairs(folder, *given, *encoders, store=training.store)
        class_texts = [f"a {word}" for word in pairs.words]
        factor = autoencoder.factor
        extra = factor**2 + autoencoder.channels + (factor**2 if conditioning.depth else 0)
        unet = widen_unet(load_unet(base / "unet"), extra)
        add_subject_attention(unet, encoder.width, encoder.grid**2)
        start_subject_attention(unet, load_unet(Path(view_generator)))
        empty = grey_latents(autoencoder, resolution, resolution)
        changes = conditioning.changes if conditioning.kinds == "both" else 0.0
        if changes and not len(pairs.changes):
            raise ToffeeError(
                f"{index}: accepts no edit of {' or '.join(CHANGES)}, expected some for "
                f"toffeenet.changes {changes:g}; 0 does without"
            )

        def draw() -> dict[str, torch.Tensor]:
            rows = torch.randint(len(pairs), (batch,), generator=generator)
            changed: dict[str, torch.Tensor] = {}
            if changes:
                whole = torch.rand(batch, generator=generator) < changes
                places = torch.randint(len(pairs.changes), (batch,), generator=generator)
                rows = torch.where(whole, pairs.changes[places], rows)
                changed["whole"] = whole
            chance = torch.rand(2, batch, 1, 1, generator=generator)
            no_text = chance[0] < drop_text + drop_both
            no_subject = chance[0] >= drop_text
            no_subject &= chance[0] < drop_text + drop_both + conditioning.drop_subject
            reconstruct = chance[1] < conditioning.reconstruction
            # Not where the view itself is to be drawn: the photo shows another pose.
            share = conditioning.own_photo * (1 - conditioning.reconstruction)
            own_photo = ~reconstruct & (chance[1] < conditioning.reconstruction + share)
            return {
                "rows": rows,
                "no_text": no_text,
                "no_subject": no_subject,
                "reconstruct": reconstruct,
                "own_photo": own_photo.flatten(),
                **changed,
                **draw_noising(
                    (batch, *pairs.target.shape[1:]), scheduler, generator, training.times
                ),
            }

        def texts(all_texts: list[str], rows: torch.Tensor) -> torch.Tensor:
            return text([all_texts[row] for row in rows.tolist()]).to(rows.device)

        def loss(
            rows: torch.Tensor,
            no_text: torch.Tensor,
            no_subject: torch.Tensor,
            reconstruct: torch.Tensor,
            times: torch.Tensor,
            noise: torch.Tensor,
            **read: torch.Tensor,
        ) -> torch.Tensor:
            mask, own = read["mask"], reconstruct & read["generation"][:, None, None]
            prompt = torch.where(own, texts(class_texts, rows), texts(pairs.prompts, rows))
            prompt = torch.where(no_text, text([""]).to(rows.device), prompt)
            tokens = read["tokens"].float().masked_fill(no_subject, 0)
            target = torch.where(own[..., None], read["own"], read["target"]).float()
            entry = [unshuffle(mask, factor), read["masked"].float()]
            if conditioning.depth:
                maps = read["depth"].float().masked_fill(own, 0)
                entry.append(unshuffle(maps, factor))

            reference = None
            if "reference" in read:
                none = empty.to(rows.device)
                reference = torch.where(no_subject[..., None], none, read["reference"].float())

            def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
                states = (prompt, [unet.subject_projection(tokens)])
                given = torch.cat(entry, 1)
                return drawn_by(unet, noisy, given, times, states, reference, factor**2)

            gamma = training.min_snr_gamma
            return diffusion_loss(predict, target, scheduler, times, noise, gamma=gamma)

        generation = pairs.generation.float().mean().item()
        steps = conditioning.steps(training.steps, generation)
        schedule = Schedule(**asdict(replace(training, steps=steps)))
        checkpoint = Checkpoint(folder, generator)
        fitted = fit([unet], draw, loss, schedule, "ToffeeNet", checkpoint, pairs.read)
        if team().is_main_process:
            model = {
                "token_width": encoder.width,
                "tokens": encoder.grid**2,
                "depth": conditioning.depth,
                "segmented": conditioning.segmented,
                "reference": conditioning.reference,
                "kinds": conditioning.kinds,
                "steps": steps,
                "pairs": len(pairs),
                "subjects": pairs.subjects,
            }
            save_toffeenet(out, unet, model, fitted)


def save_toffeenet(
    out: str | Path,
    unet: UNet2DConditionModel,
    model: dict[str, Any],
    fitted: Fit | None = None,
) -> None:
    """Write a model's folder.

    model: what `ToffeeNet` has to know of it besides the UNet's configuration; fitted: its losses.
    """
    with atomic_path(out) as target:
        target.mkdir()
        unet.save_config(target)
        save_file(unet.state_dict(), target / WEIGHTS, metadata={"format": "pt"})
        (target / CONFIG).write_text(json.dumps(model, indent=2) + "\n")
        if fitted is not None:
            fitted.write(target)


class ToffeeNet:
    """The trained model with the parts of the base model around it.

    Attributes:
        segmented: whether it was trained on subjects cut out on grey, and wants them so.
        canvas: whether it sees the subject's latents beside its own.
    """

    def __init__(
        self, folder: str | Path, text_to_image: str | Path, subject_encoder: str | Path
    ) -> None:
        folder, base = Path(folder), Path(text_to_image)
        settings = json.loads((folder / CONFIG).read_text())
        self.segmented, self.depth = settings["segmented"], settings["depth"]
        self.canvas = settings["reference"] == CANVAS
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder))
        add_subject_attention(unet, settings["token_width"], settings["tokens"])
        if self.canvas:
            add_canvas_attention(unet)
        unet.load_state_dict(load_file(folder / WEIGHTS))
        self.unet = prepare(unet.requires_grad_(False), "forward", "subject_projection.forward")
        self.encoder = SubjectEncoder(subject_encoder)
        self.autoencoder = Autoencoder(base / "vae")
        self.scheduler, self.text = load_scheduler(base / "scheduler"), TextEncoder(base)

    def tokens(self, subjects: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Patch tokens [B,N,d] of the subjects' pictures [B,3,H,W] with masks [B,H,W].

        A subject that was not found (empty mask) is shown with its whole picture.
        """
        return self.encoder.tokens(self._shown(subjects, masks))

    def reference(self, subjects: torch.Tensor, masks: torch.Tensor) -> torch.Tensor | None:
        """Latents [B,C,h,w] of the same pictures for the canvas; None without one."""
        return self.autoencoder.encode(self._shown(subjects, masks)) if self.canvas else None

    def _shown(self, subjects: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return cut_out(subjects, masks) if self.segmented else subjects

    def draw(
        self,
        prompts: list[str],
        tokens: torch.Tensor,
        noise: torch.Tensor,
        sampling: Sampling,
        subject_scale: float = 1.0,
        picture: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        depth: torch.Tensor | None = None,
        paste: bool = True,
        subject_guidance: float | None = None,
        reference: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Draw the subject under the prompts, or edit pictures.

        Args:
            prompts: one a sample.
            tokens: patch tokens of the subjects [B,N,d].
            noise: [B,C,h,w].
            sampling: steps and guidance scale: over no text and no subject, or with
                `subject_guidance` over no text.
            subject_scale: λ, the weight of the subject's attention.
            picture, mask: a picture to edit [B,3,H,W] and what of it may change, bool [B,H,W]; all
                of it repaints the picture, as an edit of its style does.
            depth: normalised depth [B,H,W], for a model that was trained with it.
            paste: put the picture back outside of the mask, where the result then is the picture,
                to the bit; without it one sees how far the model itself drifts there.
            subject_guidance: guides subject and text apart (see `toffee.method.guidance`).
            reference: what `reference` gives for the subjects; None shows none on the canvas.

        Returns:
            Pictures [B,3,H,W] in [0,1].
        """
        factor, size = self.autoencoder.factor, noise.shape[-1] * self.autoencoder.factor
        count = len(prompts)
        empty = grey_latents(self.autoencoder, size, size).expand(noise.shape)
        if picture is None or mask is None:
            mask, masked = torch.ones(count, size, size, dtype=torch.bool), empty
        else:
            masked = self.autoencoder.encode(hidden(picture, mask))
        given = [unshuffle(mask, factor), masked]
        if self.depth:
            maps = torch.zeros(count, size, size) if depth is None else depth
            given.append(unshuffle(maps, factor))
        entry = torch.cat(given, 1).to(device())
        parts = forwards(sampling.guidance, subject_guidance)
        text = self.text([one if part.text else "" for part in parts for one in prompts])
        text = text.to(device())
        none = torch.zeros_like(tokens)
        tokens = torch.cat([tokens if part.subject else none for part in parts]).to(device())
        beside = None
        if self.canvas:
            seen = empty if reference is None or subject_scale == 0 else reference
            beside = torch.cat([seen if part.subject else empty for part in parts]).to(device())
        set_subject_scale(self.unet, subject_scale)

        @torch.no_grad()
        def predict(latents: torch.Tensor, times: torch.Tensor, guide: bool) -> torch.Tensor:
            # The first forward sees both text and subject: all there is without guidance.
            weights = [part.weight for part in parts] if guide else [1.0]
            rows = slice(0, count * len(weights))
            states = (text[rows], [self.unet.subject_projection(tokens[rows])])
            noisy, shown, now = (torch.cat([x] * len(weights)) for x in (latents, entry, times))
            right = None if beside is None else beside[rows]
            drawn = drawn_by(self.unet, noisy, shown, now, states, right, factor**2)
            each = zip(weights, drawn.chunk(len(weights)), strict=True)
            return torch.stack([weight * one for weight, one in each]).sum(0)

        drawn = self.autoencoder.decode(sample(predict, self.scheduler, noise, sampling))
        if picture is not None and paste:
            drawn = torch.where(mask[:, None], drawn, picture)
        return drawn
