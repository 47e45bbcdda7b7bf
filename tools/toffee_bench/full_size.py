"""The full-size architecture at random weights, whose speed is that of trained ones.

`unet_speeds` measures single forwards, on any device. `prepare_models` writes folders of all models
for the chain itself, which only a GPU draws in reasonable time.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    Dinov2Config,
    Dinov2Model,
)

from toffee.config.sections import Config
from toffee.config.settings import CANVAS
from toffee.plan.work import forwards_of
from toffee.runtime.compute import Compute, computing, prepare
from toffee.runtime.device import device
from toffee_bench.setting import ROOT, drawer_sampling
from toffee_zoo.encoder import write_preprocessor

UNET = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "use_linear_projection": True,
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}
TEXT = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "projection_dim": 512,
}
"""The folders' configs of stabilityai/stable-diffusion-2-1-base: unet, vae, text_encoder."""
TOKENS = 77  # of a prompt
SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def random_model(build, spread: float = 0.02) -> Any:
    """A model with weights drawn at random, made without the initialisation that takes minutes."""
    with torch.device("meta"):
        model = build()
    model = model.to_empty(device="cpu").eval().requires_grad_(False)
    for value in [*model.parameters(), *model.buffers()]:
        if value.is_floating_point():
            value.data.uniform_(-spread, spread)
        else:
            value.data.copy_(torch.arange(value.numel()).view(value.shape))  # position ids
    return model


def unet_speeds(
    dtypes: Sequence[str], batch: int, repeats: int, sizes: dict | None = None
) -> dict[str, dict[str, float]]:
    """Seconds and FLOPs of one forward of UNet, and of UNet with ControlNet, by dtype.

    Args:
        dtypes: precisions, as in config `compute.dtype`.
        batch: rows of a forward; with guidance a picture takes two.
        repeats: measured forwards, after one that warms up; the median counts.
        sizes: changes of the UNet's config, for a smaller one.

    Returns:
        By dtype: `batch`, `unet_seconds`, `control_seconds` (of both), `unet_tflop`, `tflops`.
    """
    config = UNET | (sizes or {})
    results = {}
    for dtype in dtypes:
        with computing(Compute(dtype=dtype, channels_last=dtype != "float32")):
            unet = random_model(lambda: UNet2DConditionModel(**config))
            with torch.device("meta"):
                shell = UNet2DConditionModel(**config)
            control = random_model(
                lambda shell=shell: ControlNetModel.from_unet(shell, load_weights_from_unet=False)
            )
            unet, control = prepare(unet), prepare(control)
        side, width = config["sample_size"], config["cross_attention_dim"]
        latents = torch.randn(batch, config["in_channels"], side, side, device=device())
        times = torch.full((batch,), 500, device=device())
        text = torch.randn(batch, TOKENS, width, device=device())
        maps = torch.rand(batch, 3, 8 * side, 8 * side, device=device())

        @torch.no_grad()
        def plain(unet=unet, given=(latents, times, text)):
            unet(*given)

        @torch.no_grad()
        def controlled(unet=unet, control=control, given=(latents, times, text), maps=maps):
            down, middle = control(*given, maps, return_dict=False)
            unet(*given, down_block_additional_residuals=down, mid_block_additional_residual=middle)

        with FlopCounterMode(display=False) as counter:
            plain()
        seconds = median_seconds(plain, repeats)
        results[dtype] = {
            "batch": batch,
            "unet_seconds": seconds,
            "control_seconds": median_seconds(controlled, repeats),
            "unet_tflop": counter.get_total_flops() / 1e12,
            "tflops": counter.get_total_flops() / 1e12 / seconds,
        }
        del unet, control
    return results


def median_seconds(call, repeats: int) -> float:
    """Median seconds of a call on the device, which it waits for."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        if device().type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2]


def forwards_per_pair(config: Config) -> dict[str, float]:
    """Rows of UNet forwards that a candidate pair takes by a configuration.

    Returns:
        `plain`: rows of a UNet alone (Refiner, View Generator; a canvas counts as two);
        `controlled`: rows of UNet and ControlNet (initial images, edits).
    """

    refiner, views, base = config.refiner, config.view_generator, drawer_sampling(config)
    wide = 2 if views.reference == CANVAS else 1
    kinds, strength = config.synthesis.kinds, config.synthesis.edit_strength
    others = kinds.colour + kinds.texture + kinds.style
    edits = kinds.background * forwards_of(base) + others * forwards_of(base, strength)
    return {
        "plain": forwards_of(refiner.sampling, refiner.strength)
        + wide * forwards_of(views.sampling),
        "controlled": forwards_of(base) + edits,
    }


def project(config: Config, speed: dict[str, float], pairs: int) -> float:
    """Hours of one device for so many candidate pairs, of what UNet and ControlNet take alone."""
    rows = forwards_per_pair(config)
    seconds = rows["plain"] * speed["unet_seconds"] + rows["controlled"] * speed["control_seconds"]
    return pairs * seconds / speed["batch"] / 3600


def prepare_models(folder: Path, sizes: dict[str, dict] | None = None) -> Path:
    """Write every role's folder: SD 2.1 and its ControlNet, DINOv2 ViT-B/14, CLIP ViT-B/32.

    Tokenizers, segmenter and depth estimator are those of the zoo: a sampled picture takes some
    hundred forwards of the UNet, and one of these.

    Args:
        sizes: changes of the configs by part (unet, vae, text, dino, clip), for smaller models.
    """
    sizes, zoo = sizes or {}, ROOT / "workflow" / "zoo"
    base = folder / "text_to_image"
    shutil.copytree(zoo / "text_to_image" / "tokenizer", base / "tokenizer")
    shutil.copy(zoo / "text_to_image" / "model_index.json", base)
    for role in ("segmenter", "depth"):
        shutil.copytree(zoo / role, folder / role)
    unet = random_model(lambda: UNet2DConditionModel(**UNET | sizes.get("unet", {})))
    unet.save_pretrained(base / "unet")
    with torch.device("meta"):
        shell = UNet2DConditionModel(**UNET | sizes.get("unet", {}))
    control = random_model(lambda: ControlNetModel.from_unet(shell, load_weights_from_unet=False))
    control.save_pretrained(folder / "controlnet_depth")
    random_model(lambda: AutoencoderKL(**VAE | sizes.get("vae", {}))).save_pretrained(base / "vae")
    text = CLIPTextConfig(**TEXT | sizes.get("text", {}))
    random_model(lambda: CLIPTextModel(text)).save_pretrained(base / "text_encoder")
    DDIMScheduler(**SCHEDULE).save_pretrained(base / "scheduler")
    dino = Dinov2Config(**{"image_size": 518, "patch_size": 14} | sizes.get("dino", {}))
    random_model(lambda: Dinov2Model(dino)).save_pretrained(folder / "subject_encoder")
    write_preprocessor(folder / "subject_encoder", "BitImageProcessor", 224, *IMAGENET)
    clip = CLIPConfig(**sizes.get("clip", {}))
    random_model(lambda: CLIPModel(clip)).save_pretrained(folder / "clip")
    shutil.copytree(
        zoo / "clip",
        folder / "clip",
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("*.safetensors", "config.json"),
    )
    write_preprocessor(
        folder / "clip", "CLIPImageProcessor", clip.vision_config.image_size, *IMAGENET
    )
    return folder
