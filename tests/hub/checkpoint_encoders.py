"""Small checkpoints of encoders: DINO, DINOv2, CLIP."""

from pathlib import Path

from checkpoint_parts import (
    IMAGENET,
    OPENAI,
    clip_text,
    vit,
    write_clip_tokenizer,
    write_old_preprocessor,
    write_preprocessor,
)


def write_dinov2(folder: Path) -> None:
    """DINOv2: patches of 14, places for 518 pixels, used at 224 after a centre crop."""
    from transformers import Dinov2Config, Dinov2Model

    Dinov2Model(Dinov2Config(**vit(), image_size=518, patch_size=14)).save_pretrained(folder)
    write_preprocessor(
        folder,
        "BitImageProcessor",
        **IMAGENET,
        do_resize=True,
        size={"shortest_edge": 256},
        do_center_crop=True,
        crop_size={"height": 224, "width": 224},
        do_convert_rgb=True,
        do_rescale=True,
        rescale_factor=1 / 255,
        resample=3,
    )


def write_dino(folder: Path) -> None:
    """DINO ViT-S/16: patches of 16 at 224 pixels; the old form of a preprocessor config."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(**vit(), image_size=224, patch_size=16, layer_norm_eps=1e-12)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    write_old_preprocessor(folder, "ViTFeatureExtractor", **IMAGENET, resample=2)


def write_clip_base(folder: Path) -> None:
    """CLIP ViT-B/32."""
    write_clip(folder, patch=32)


def write_clip_large(folder: Path) -> None:
    """CLIP ViT-L/14."""
    write_clip(folder, patch=14)


def write_clip(folder: Path, patch: int) -> None:
    """A CLIPModel with its tokenizer, 224 pixels."""
    from transformers import CLIPConfig, CLIPModel

    vocabulary = write_clip_tokenizer(folder, "<|endoftext|>", fast=True)
    end = vocabulary - 1
    text = clip_text(vocabulary) | {"bos_token_id": end - 1, "eos_token_id": end}
    vision = {
        **{key: value for key, value in vit().items() if key != "qkv_bias"},
        "image_size": 224,
        "patch_size": patch,
        "hidden_act": "quick_gelu",
        "projection_dim": 32,
    }
    config = CLIPConfig(
        text_config=text | {"projection_dim": 32}, vision_config=vision, projection_dim=32
    )
    CLIPModel(config).save_pretrained(folder)
    write_old_preprocessor(
        folder,
        "CLIPFeatureExtractor",
        **OPENAI,
        do_center_crop=True,
        crop_size=224,
        resample=3,
    )
