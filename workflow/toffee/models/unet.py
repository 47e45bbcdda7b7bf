"""How the generators grow out of the base UNet: more input channels, other tokens to attend to."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0
from torch import nn

from toffee.models.load import load_model


def load_unet(folder: str | Path) -> UNet2DConditionModel:
    """A UNet in float32, frozen in evaluation mode."""
    return load_model(UNet2DConditionModel, folder)


def widen_unet(
    base: UNet2DConditionModel, extra_channels: int, token_width: int | None = None
) -> UNet2DConditionModel:
    """A trainable copy of the base UNet that takes more input channels.

    The weights of the new channels start at zero, so that training starts from the base model.

    Args:
        base: the text-to-image UNet.
        extra_channels: channels after those of the latents.
        token_width: if given, cross-attention reads tokens of this width, through a new linear
            projection, in place of text tokens.
    """
    config = dict(base.config)
    # Entries that the base's config.json leaves out (Stable Diffusion 1.5 has no encoder_hid_dim)
    # are listed here, and would be set back to their defaults.
    config.pop("_use_default_values", None)
    config["in_channels"] += extra_channels
    if token_width is not None:
        config |= {"encoder_hid_dim": token_width, "encoder_hid_dim_type": "text_proj"}
    unet = UNet2DConditionModel.from_config(config)
    state = base.state_dict()
    entry = state["conv_in.weight"]
    state["conv_in.weight"] = F.pad(entry, (0, 0, 0, 0, 0, extra_channels))
    missing, unexpected = unet.load_state_dict(state, strict=False)
    unknown = [name for name in missing if not name.startswith("encoder_hid_proj")]
    if unknown or unexpected:
        raise ValueError(f"base UNet does not fit its own config: {unknown + unexpected}")
    return unet


def unshuffle(maps: torch.Tensor, factor: int) -> torch.Tensor:
    """Pixel maps [B,H,W] as channels at latent size [B,f²,H/f,W/f]; nothing is averaged away."""
    return F.pixel_unshuffle(maps[:, None].float(), factor)


def token_grid(tokens: torch.Tensor, size: int) -> torch.Tensor:
    """Patch tokens [B,N,d] laid out as channels at latent size [B,d,size,size]."""
    side = round(tokens.shape[1] ** 0.5)
    grid = tokens.transpose(1, 2).unflatten(2, (side, side))
    if side != size:
        grid = F.interpolate(grid, size=size, mode="bilinear", align_corners=False)
    return grid


def add_subject_attention(unet: UNet2DConditionModel, token_width: int, count: int) -> None:
    """Give every cross-attention a second, decoupled one over subject tokens, in place.

    Source: IP-Adapter (arXiv 2308.06721).

    Args:
        unet: the UNet, changed in place.
        token_width: width of a subject token.
        count: N, number of subject tokens.
    """
    width = unet.config.cross_attention_dim
    processors = {}
    for name, processor in unet.attn_processors.items():
        if name.endswith("attn2.processor"):
            attention = unet.get_submodule(name.removesuffix(".processor"))
            processor = IPAdapterAttnProcessor2_0(attention.inner_dim, width, num_tokens=(count,))
        processors[name] = processor
    unet.set_attn_processor(processors)
    unet.subject_projection = nn.Linear(token_width, width)


def start_subject_attention(unet: UNet2DConditionModel, source: UNet2DConditionModel) -> None:
    """Start the decoupled attention from a UNet that already attends to subject tokens, in place.

    Args:
        unet: with `add_subject_attention`.
        source: a UNet of the same base that reads subject tokens in place of text.
    """
    unet.subject_projection.load_state_dict(source.encoder_hid_proj.state_dict())
    for name, processor in unet.attn_processors.items():
        if isinstance(processor, IPAdapterAttnProcessor2_0):
            attention = source.get_submodule(name.removesuffix(".processor"))
            processor.to_k_ip[0].load_state_dict(attention.to_k.state_dict())
            processor.to_v_ip[0].load_state_dict(attention.to_v.state_dict())


class CanvasAttention(AttnProcessor2_0):
    """Self-attention over a canvas, in which the left half looks at the right one with weight λ.

    Source: OminiControl (arXiv 2411.15098), which adds log λ to the logits.

    Attributes:
        scale: λ; 1 is plain self-attention, 0 does not look there.
        aspect: width of the canvas by its height.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.aspect = 1.0, 2.0

    def __call__(self, attn: Any, hidden_states: torch.Tensor, **options: Any) -> torch.Tensor:
        if self.scale != 1:
            batch, places = hidden_states.shape[:2]
            columns = round((places * self.aspect) ** 0.5)
            right = torch.arange(places, device=hidden_states.device) % columns >= columns // 2
            weight = torch.where(~right[:, None] & right, self.scale, 1.0)
            bias = weight.log().to(hidden_states.dtype)
            options["attention_mask"] = bias.expand(batch * attn.heads, places, places)
        return super().__call__(attn, hidden_states, **options)


def add_canvas_attention(unet: UNet2DConditionModel) -> None:
    """Let λ also weigh how self-attention looks at the right half of a canvas, in place."""
    processors = dict(unet.attn_processors)
    for name in processors:
        if name.endswith("attn1.processor"):
            processors[name] = CanvasAttention()
    unet.set_attn_processor(processors)


def set_subject_scale(unet: UNet2DConditionModel, scale: float) -> None:
    """Set λ, the weight of attention to the subject: to its tokens, and on a canvas."""
    for processor in unet.attn_processors.values():
        if isinstance(processor, IPAdapterAttnProcessor2_0):
            processor.scale = [scale] * len(processor.scale)
        elif isinstance(processor, CanvasAttention):
            processor.scale = scale
