"""The obvious loop: the same pairs, one after the other, picture by picture.

What a first script would do: all models loaded once, float32, batch 1, every model called anew for
every picture, images saved as files. Initial images come from diffusers' own
`StableDiffusionControlNetPipeline`. For the Refiner, the View Generator and the masked redrawing
there is no pipeline that takes these models, so there the loop is written as diffusers' pipelines
are: scheduler steps, and guidance as one forward of two rows. Models, steps, guidance, strengths,
noise and prompts are the chain's, so the loop makes the chain's pictures.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderDC,
    AutoModel,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from toffee.config.settings import CANVAS, Sampling
from toffee.data.loaders.images import grown, read_image, to_arrays
from toffee.data.loaders.prompt_parts import read_prompt_parts
from toffee.method.matching import may_change
from toffee.method.pair_latents import GREY
from toffee.method.refiner import refiner_input
from toffee.method.view_generator import draw_view
from toffee.models.clip import Clip
from toffee.models.depth import DepthEstimator
from toffee.models.sampling import load_solver
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.runtime.device import device
from toffee.synthesis.edits import edit_mask
from toffee.synthesis.plan import other_prompts, read_plan
from toffee.synthesis.refined import mix_tokens
from toffee.synthesis.scores import candidate_scores
from toffee.synthesis.stage import sample_noise, subject_masks
from toffee_bench.setting import ROOT, Setting, drawer_sampling

Forward = Callable[[torch.Tensor, torch.Tensor, bool], torch.Tensor]


def load_pipeline(base: Path, controlnet: Path) -> StableDiffusionControlNetPipeline:
    """The base model with its ControlNet as diffusers runs them."""
    vae = AutoModel.from_pretrained(str(base / "vae"), torch_dtype=torch.float32)
    if isinstance(vae, AutoencoderDC):
        # The pipeline asks for the names of AutoencoderKL.
        vae.register_to_config(block_out_channels=vae.config.encoder_block_out_channels)
        decode = vae.decode
        vae.decode = lambda latents, return_dict=True, generator=None: decode(latents, return_dict)
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        base,
        vae=vae,
        controlnet=ControlNetModel.from_pretrained(controlnet, torch_dtype=torch.float32),
        scheduler=DDIMScheduler.from_pretrained(base / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        torch_dtype=torch.float32,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device())


class Loop:
    """All models, and a method for each stage of one pair."""

    def __init__(self, setting: Setting) -> None:
        model, self.setting, self.config = setting.model, setting, setting.config
        self.pipeline = load_pipeline(model("text_to_image"), model("controlnet_depth"))
        self.refiner, self.views = (
            UNet2DConditionModel.from_pretrained(model(name)).eval().to(device())
            for name in ("refiner", "view_generator")
        )
        self.scheduler, self.vae = self.pipeline.scheduler, self.pipeline.vae
        self.drawer = drawer_sampling(setting.config)
        solver = load_solver(self.scheduler, self.drawer.solver)
        self.pipeline.register_modules(scheduler=solver)
        self.encoder = SubjectEncoder(model("subject_encoder"))
        self.estimate = DepthEstimator(model("depth"))
        self.segment = load_segmenter(model("segmenter"))
        self.judge = Clip(model("clip"))
        self.parts = read_prompt_parts(ROOT / self.config.synthesis.prompts)

    def noise(self, row: pd.DataFrame, stage: str) -> torch.Tensor:
        """The pair's own noise [1,C,h,w]."""
        side = self.config.data.resolution // self.pipeline.vae_scale_factor
        shape = (self.vae.config.latent_channels, side, side)
        return sample_noise(row, stage, self.config.seed, shape).to(device())

    def encode(self, picture: torch.Tensor) -> torch.Tensor:
        """Latents of a picture."""
        coded = self.vae.encode((picture * 2 - 1).to(device()))
        latent = coded.latent if hasattr(coded, "latent") else coded.latent_dist.mode()
        return latent * self.vae.config.scaling_factor

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """The picture [1,3,H,W] of latents."""
        drawn = self.vae.decode(latents / self.vae.config.scaling_factor, return_dict=False)[0]
        return (drawn / 2 + 0.5).clamp(0, 1).cpu()

    def denoise(
        self,
        forward: Forward,
        noise: torch.Tensor,
        sampling: Sampling,
        start: torch.Tensor | None = None,
        strength: float = 1.0,
        change: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Latents drawn from noise, or over `start`, held to it where `change` is not set."""
        solver = load_solver(self.scheduler, sampling.solver)
        solver.set_timesteps(sampling.steps)
        times, latents, first = solver.timesteps, noise, 0
        if start is not None and strength < 1:
            first = len(times) - max(1, round(strength * len(times)))
            latents = self.scheduler.add_noise(start, noise, times[first : first + 1])
        for step, time_ in enumerate(times[first:], start=first):
            if change is not None:
                held = self.scheduler.add_noise(start, noise, time_[None])
                latents = torch.where(change, latents, held)
            drawn = forward(latents, time_, sampling.guides(step))
            latents = solver.step(drawn, time_, latents).prev_sample
        return latents

    def guided(
        self, run: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor], given, scale
    ) -> Forward:
        """Classifier-free guidance over zero tokens, two rows at once; plain where it is off."""
        given = given.to(device())

        def forward(latents: torch.Tensor, time_: torch.Tensor, guide: bool) -> torch.Tensor:
            if not guide or scale == 1:
                return run(latents, time_, given)
            with_, without = run(
                torch.cat([latents] * 2), time_, torch.cat([given, torch.zeros_like(given)])
            ).chunk(2)
            return without + scale * (with_ - without)

        return forward

    def initial(self, row: pd.DataFrame, subject: torch.Tensor) -> torch.Tensor:
        """The prompt over the subject's depth, by diffusers' pipeline."""
        prompt = row["source_prompt"].iloc[0] or row["prompt"].iloc[0]
        return self.pipeline(
            prompt,
            image=self.estimate(subject)[:, None].expand(-1, 3, -1, -1),
            height=self.config.data.resolution,
            width=self.config.data.resolution,
            num_inference_steps=self.drawer.steps,
            guidance_scale=self.drawer.guidance,
            controlnet_conditioning_scale=self.drawer.control_scale,
            latents=self.noise(row, "initial"),
            output_type="pt",
        ).images.cpu()

    def refined(
        self, row: pd.DataFrame, subject: torch.Tensor, mask: torch.Tensor, before: torch.Tensor
    ) -> torch.Tensor:
        """The initial image with the subject's details."""
        settings = self.config.refiner
        found = self.segment.segment(before, list(row["class_word"]))
        matching = settings.refining.matching
        tokens = mix_tokens(self.encoder, before, found, subject, mask, matching).tokens
        start, change = self.encode(before), None
        pixels = may_change(settings.matching, found) if settings.keep_background else None
        if pixels is not None:
            pixels = grown(pixels)
            change = (F.adaptive_max_pool2d(pixels.float(), start.shape[-1]) > 0).to(device())

        def run(latents: torch.Tensor, time_: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
            return self.refiner(refiner_input(self.refiner, latents, given), time_, given).sample

        latents = self.denoise(
            self.guided(run, tokens, settings.guidance),
            self.noise(row, "refined"),
            settings.sampling,
            start,
            settings.strength,
            change,
        )
        drawn = self.decode(latents)
        return drawn if pixels is None else torch.where(pixels, drawn, before)

    def view(self, row: pd.DataFrame, subject: torch.Tensor) -> torch.Tensor:
        """The subject in the donor's pose."""
        settings = self.config.view_generator
        donor = self.setting.folder / "multiview" / row["donor"].iloc[0]
        depth = self.estimate(read_image(donor, self.config.data.resolution)[None])
        pose = torch.cat([depth] * 2).to(device()) if settings.depth else None
        beside = None
        if settings.reference == CANVAS:
            beside = self.encode(torch.cat([subject, torch.full_like(subject, GREY)]))

        def run(latents: torch.Tensor, time_: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
            rows = slice(0, len(latents))  # the second one is shown nothing
            depth, shown = (None if one is None else one[rows] for one in (pose, beside))
            factor = self.pipeline.vae_scale_factor
            return draw_view(self.views, latents, time_, tokens, depth, shown, factor)

        forward = self.guided(run, self.encoder.tokens(subject), settings.guidance)
        return self.decode(self.denoise(forward, self.noise(row, "views"), settings.sampling))

    def edit(self, row: pd.DataFrame, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The edited picture and the mask, bool [1,H,W], of what was edited."""
        kind, base = row["kind"].iloc[0], self.pipeline
        mask = edit_mask(self.segment.segment(picture, list(row["class_word"])), [kind])
        control = self.estimate(picture)[:, None].expand(2, 3, -1, -1).to(device())
        text, empty = base.encode_prompt(row["prompt"].iloc[0], device(), 1, True)
        text = torch.cat([empty, text])
        latents = self.encode(picture)
        change = F.adaptive_max_pool2d(mask[:, None].float(), latents.shape[-1]) > 0

        def run(latents: torch.Tensor, time_: torch.Tensor, rows: slice) -> torch.Tensor:
            given = latents, time_, text[rows]
            scale = self.drawer.control_scale
            down, middle = base.controlnet(
                *given, control[rows], conditioning_scale=scale, return_dict=False
            )
            return base.unet(
                *given,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
            ).sample

        def forward(latents: torch.Tensor, time_: torch.Tensor, guide: bool) -> torch.Tensor:
            if not guide or self.drawer.guidance == 1:
                return run(latents, time_, slice(1, 2))
            without, with_ = run(torch.cat([latents] * 2), time_, slice(0, 2)).chunk(2)
            return without + self.drawer.guidance * (with_ - without)

        drawn = self.denoise(
            forward,
            self.noise(row, "edits"),
            self.drawer,
            latents,
            1.0 if kind == "background" else self.config.synthesis.edit_strength,
            change.to(device()),
        )
        drawn = self.decode(torch.where(change.to(device()), drawn, latents))
        return torch.where(mask[:, None], drawn, picture), mask

    @torch.no_grad()
    def pair(self, row: pd.DataFrame, out: Path) -> None:
        """Make one pair and its scores.

        Args:
            row: its row of the plan, as a table of one row.
            out: folder to write to, with `<stage>/<row>.jpg`, `.png` for edits, and `scores`.
        """
        root, size = self.setting.folder / "subjects", self.config.data.resolution
        name = f"{row['row'].iloc[0]:05d}"
        subject = read_image(root / row["image"].iloc[0], size)[None]
        own = subject_masks(row, root, subject, self.segment)
        initial = self._keep(self.initial(row, subject), out / "initial" / f"{name}.jpg")
        refined = self._keep(
            self.refined(row, subject, own, initial), out / "refined" / f"{name}.jpg"
        )
        view = self._keep(self.view(row, subject), out / "views" / f"{name}.jpg")
        target, before, words = refined, view, list(row["class_word"])
        if row["kind"].iloc[0] != "generation":
            edited, mask = self.edit(row, refined)
            target = self._keep(edited, out / "edits" / f"{name}.png")
            before = refined
            Image.fromarray(mask[0].numpy()).save(out / "edits" / f"{name}_mask.png")
        masks = self.segment.segment(target, words)
        posed = view, self.segment.segment(view, words)
        scores = candidate_scores(
            self.encoder,
            self.judge,
            target,
            masks,
            list(row["prompt"]),
            (subject, own),
            posed,
            before,
            [other_prompts(one, self.parts) for one in row.to_dict("records")],
        )
        values = {key: float(value[0]) for key, value in scores.items()}
        path = out / "scores" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def _keep(self, picture: torch.Tensor, path: Path) -> torch.Tensor:
        """Save a picture and go on with what was saved, as the chain's next stage does."""
        path.parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {"quality": self.config.synthesis.quality, "subsampling": 0}
        image = Image.fromarray(to_arrays(picture)[0])
        image.save(path, **(options if path.suffix == ".jpg" else {}))
        return read_image(path)[None]


def run(setting: Setting, plan: Path, out: Path, limit: float = float("inf")) -> tuple[int, float]:
    """Make the pairs of a plan, and begin none after `limit` seconds.

    Returns:
        How many were made; seconds, the loading of the models not included.
    """
    loop, rows = Loop(setting), read_plan(plan)
    start = time.perf_counter()
    for place in range(len(rows)):
        if time.perf_counter() - start >= limit:
            return place, time.perf_counter() - start
        loop.pair(rows.iloc[place : place + 1], out)
    return len(rows), time.perf_counter() - start
