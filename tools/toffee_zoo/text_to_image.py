"""The zoo's text-to-image model and depth ControlNet, on the latents of its autoencoder."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from toffee.data.world.vocabulary import Attributes, caption
from toffee.models.clip import load_clip
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder, diffusion_loss, draw_noising
from toffee.runtime.device import device
from toffee.training.loop import Fit
from toffee_zoo.autoencoder import CHANNELS
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

DROP = 0.1  # share of the captions that are left empty, for guidance
SAID = {"colour": 0.8, "texture": 0.8, "background": 0.95}  # how often a caption says each of them
SUBJECT = 2.0  # what an error inside the subject weighs more: its patterns are hardest


def build_unet(text_width: int, latent_size: int) -> UNet2DConditionModel:
    """A small UNet2DConditionModel: two levels, cross-attention at both.

    The way down does without at full latent resolution: half of the time for little use.
    """
    return UNet2DConditionModel(
        sample_size=latent_size,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        block_out_channels=(64, 96),
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def build_scheduler() -> DDIMScheduler:
    """Cosine schedule with zero terminal SNR and velocity prediction (arXiv 2305.08891)."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        clip_sample=False,
        set_alpha_to_one=True,
    )


def encode_renders(data: Renders, autoencoder: Autoencoder, batch: int = 64) -> torch.Tensor:
    """Latents of all renders, float16 [N,C,h,w]."""
    rows = np.arange(len(data))
    parts = np.array_split(rows, max(1, len(rows) // batch))
    return torch.cat([autoencoder.encode(data.images(part)).half() for part in parts])


def subject_weight(cover: torch.Tensor) -> torch.Tensor:
    """Weight [B,1,h,w] of each latent's error, of the share [B,h,w] that the subject has of it."""
    return 1 + SUBJECT * cover[:, None]


class Captions:
    """Captions of renders as token embeddings; attributes are left out at random."""

    def __init__(self, folder: Path, data: Renders, draw: np.random.Generator) -> None:
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
        self.encoder.eval().to(device())
        self.data, self.draw = data, draw
        self.known: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def embed(self, texts: list[str]) -> torch.Tensor:
        """Token embeddings [B,L,d]; a caption that was seen before is not encoded again."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.known]
        if fresh:
            tokens = self.tokenizer(
                fresh, padding="max_length", truncation=True, return_tensors="pt"
            )
            self.known |= zip(
                fresh, self.encoder(**tokens.to(device())).last_hidden_state.cpu(), strict=True
            )
        return torch.stack([self.known[text] for text in texts])

    def text(self, row: int) -> str:
        """A caption; what strikes the eye (style, light, usually the place) is rarely left out."""
        if self.draw.random() < DROP:
            return ""
        said = self.data.caption_attributes(row)
        kept = {
            field: getattr(said, field) if self.draw.random() < share else None
            for field, share in SAID.items()
        }
        light = said.light if kept["background"] else None
        return caption(Attributes(said.class_word, **kept, light=light, style=said.style))

    def batch(self, rows: np.ndarray) -> torch.Tensor:
        return self.embed([self.text(row) for row in rows])


def assemble_base(decoder: Path, clip: Path, out: Path) -> None:
    """Lay out autoencoder, text encoder and tokenizer as a text-to-image pipeline of the hub.

    decoder: the autoencoder with the decoder that was trained last.
    """
    shutil.copytree(decoder, out / "vae")
    load_clip(clip).text_model.half().save_pretrained(out / "text_encoder")
    CLIPTokenizer.from_pretrained(clip).save_pretrained(out / "tokenizer")
    build_scheduler().save_pretrained(out / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "vae": ["diffusers", "AutoencoderDC"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def train_text_to_image(renders: Path, decoder: Path, clip: Path, out: Path, course: Course) -> Fit:
    """Train the UNet to draw captions; writes a whole pipeline folder."""
    out.mkdir(parents=True, exist_ok=True)
    assemble_base(decoder, clip, out)
    data, draw = Renders(renders), course.draw
    latents = encode_renders(data, Autoencoder(out / "vae"))
    captions = Captions(out, data, draw)
    unet = build_unet(captions.encoder.config.hidden_size, latents.shape[-1])
    scheduler = build_scheduler()

    def batch() -> dict[str, torch.Tensor]:
        rows = draw.integers(len(data), size=course.schedule.batch)
        clean = latents[rows].float()
        noising = draw_noising(clean.shape, scheduler, draw.torch)
        weight = subject_weight(data.array("cover", rows))
        return {"clean": clean, "text": captions.batch(rows), "weight": weight, **noising}

    def loss(
        clean: torch.Tensor,
        text: torch.Tensor,
        weight: torch.Tensor,
        times: torch.Tensor,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            return unet(noisy, times, text).sample

        return diffusion_loss(predict, clean, scheduler, times, noise, weight)

    result = course.fit([unet], batch, loss)
    unet.half().save_pretrained(out / "unet")
    return result


def estimate_depth(data: Renders, folder: Path, batch: int = 64) -> torch.Tensor:
    """The depth estimator's maps of all renders, float16 [N,H,W] in [0,1]."""
    estimator = DepthEstimator(folder)
    parts = np.array_split(np.arange(len(data)), max(1, len(data) // batch))
    return torch.cat([estimator(data.images(part)).half() for part in parts])


def train_controlnet(
    renders: Path, text_to_image: Path, depth: Path, out: Path, course: Course
) -> Fit:
    """Train a depth ControlNet on the frozen text-to-image model (arXiv 2302.05543).

    It learns from an estimator's maps, as the published ones do: it will be shown those.
    """
    data, draw = Renders(renders), course.draw
    latents = encode_renders(data, Autoencoder(text_to_image / "vae"))
    maps = estimate_depth(data, depth)
    captions = Captions(text_to_image, data, draw)
    unet = UNet2DConditionModel.from_pretrained(text_to_image / "unet", torch_dtype=torch.float32)
    unet.requires_grad_(False).to(device())
    controlnet = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(16, 32, 32, 64)
    )
    scheduler = build_scheduler()

    def batch() -> dict[str, torch.Tensor]:
        rows = draw.integers(len(data), size=course.schedule.batch)
        clean = latents[rows].float()
        return {
            "clean": clean,
            "text": captions.batch(rows),
            "shown": maps[rows].float()[:, None].expand(-1, 3, -1, -1),
            **draw_noising(clean.shape, scheduler, draw.torch),
        }

    def loss(
        clean: torch.Tensor,
        text: torch.Tensor,
        shown: torch.Tensor,
        times: torch.Tensor,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            down, middle = controlnet(noisy, times, text, shown, return_dict=False)
            return unet(
                noisy,
                times,
                text,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
            ).sample

        return diffusion_loss(predict, clean, scheduler, times, noise)

    result = course.fit([controlnet], batch, loss)
    controlnet.half().save_pretrained(out)
    return result
