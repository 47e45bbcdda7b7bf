"""The base text-to-image model, with or without a depth ControlNet."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from toffee.config.settings import Sampling
from toffee.models.diffusion import Autoencoder, load_scheduler
from toffee.models.load import load_model
from toffee.models.sampling import Predict, guided, in_parts, sample
from toffee.runtime.compute import prepare
from toffee.runtime.device import device

REMEMBERED = 4096
"""Prompts whose embeddings are kept; 315 KB each of Stable Diffusion 2.1."""


class TextEncoder:
    """The frozen text encoder of a text-to-image folder."""

    def __init__(self, folder: str | Path) -> None:
        self.tokenizer = CLIPTokenizer.from_pretrained(Path(folder) / "tokenizer")
        self.model = prepare(load_model(CLIPTextModel, Path(folder) / "text_encoder"))
        self._known: OrderedDict[str, torch.Tensor] = OrderedDict()

    def __call__(self, prompts: list[str]) -> torch.Tensor:
        """Token embeddings [B,L,d], padded to the tokenizer's full length.

        The same prompts return in every batch, so the last `REMEMBERED` are kept.
        """
        fresh = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._known]
        # On a CPU one by one: what a prompt is does not depend on the others then, to the bit.
        size = 1 if device().type == "cpu" else 64
        for first in range(0, len(fresh), size):
            some = fresh[first : first + size]
            self._known.update(zip(some, self._encode(some), strict=True))
        for prompt in prompts:
            self._known.move_to_end(prompt)
        found = torch.stack([self._known[prompt] for prompt in prompts])
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    @torch.no_grad()
    def _encode(self, prompts: list[str]) -> torch.Tensor:
        tokens = self.tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt")
        return self.model(input_ids=tokens.input_ids.to(device())).last_hidden_state.cpu()


class TextToImage:
    """Draws prompts; with a ControlNet, in the outline of a depth map.

    Attributes:
        autoencoder: pictures to latents and back.
        scheduler: the noise schedule.
        text: prompts to token embeddings.
        unet: the frozen UNet.
    """

    def __init__(self, folder: str | Path, controlnet: str | Path | None = None) -> None:
        folder = Path(folder)
        self.autoencoder = Autoencoder(folder / "vae")
        self.scheduler = load_scheduler(folder / "scheduler")
        self.text = TextEncoder(folder)
        self.unet = prepare(load_model(UNet2DConditionModel, folder / "unet"))
        self.controlnet: Any = None
        if controlnet is not None:
            self.controlnet = load_model(ControlNetModel, controlnet)
            # The same at every step: `predictor` embeds a depth map once, not with every call.
            self.embed_depth = prepare(self.controlnet.controlnet_cond_embedding)
            self.controlnet.controlnet_cond_embedding = nn.Identity()
            prepare(self.controlnet)

    def predictor(
        self,
        prompts: list[str],
        sampling: Sampling,
        depth: torch.Tensor | None = None,
    ) -> Predict:
        """The model's guided prediction under these prompts, for `toffee.models.sampling.sample`.

        Args:
            prompts: one per sample.
            sampling: guidance and weight of the ControlNet.
            depth: normalised depth [B,H,W] for the ControlNet, or None to go without.
        """
        text = torch.cat([self.text(prompts), self.text([""] * len(prompts))]).to(device())
        control = None
        if depth is not None:
            maps = depth.to(device())[:, None].expand(-1, 3, -1, -1)
            halves = 1 if sampling.guidance == 1 else 2
            control = self.embed_depth(maps.repeat(halves, 1, 1, 1))

        def predict(latents: torch.Tensor, times: torch.Tensor, guide: bool) -> torch.Tensor:
            guide = guide and sampling.guidance != 1
            if guide:
                latents, times = torch.cat([latents, latents]), torch.cat([times, times])

            def forward(rows: slice) -> torch.Tensor:
                given, extra = (latents[rows], times[rows], text[rows]), {}
                if control is not None:
                    down, middle = self.controlnet(
                        *given,
                        control[rows],
                        conditioning_scale=sampling.control_scale,
                        return_dict=False,
                    )
                    extra = {
                        "down_block_additional_residuals": down,
                        "mid_block_additional_residual": middle,
                    }
                return self.unet(*given, **extra).sample.float()  # autocast leaves it in half

            drawn = in_parts(forward, len(latents))
            if not guide:
                return drawn
            conditional, empty = drawn.chunk(2)
            return guided(conditional, empty, sampling.guidance)

        return predict

    def draw(
        self,
        prompts: list[str],
        noise: torch.Tensor,
        sampling: Sampling,
        depth: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Pictures [B,3,H,W] in [0,1] of the prompts, from noise [B,C,h,w]."""
        with torch.no_grad():
            predict = self.predictor(prompts, sampling, depth)
            return self.autoencoder.decode(sample(predict, self.scheduler, noise, sampling))
