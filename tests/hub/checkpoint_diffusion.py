"""Small checkpoints of Stable Diffusion and its ControlNets."""

from pathlib import Path

from checkpoint_formats import with_legacy_attention
from checkpoint_parts import clip_text, write_clip_tokenizer, write_json


def write_sd21(folder: Path) -> None:
    """SD 2.1-base: linear projections, OpenCLIP's text tower, epsilon prediction at 512 pixels."""
    write_pipeline(
        folder,
        unet={"use_linear_projection": True, "attention_head_dim": [1, 2, 2, 2]},
        text={"hidden_act": "gelu", "pad_token_id": 1},
        pad="!",
    )


def write_sd15(folder: Path) -> None:
    """SD 1.5: convolutional projections, OpenAI's text tower."""
    write_pipeline(
        folder,
        unet={"attention_head_dim": 8},
        text={"hidden_act": "quick_gelu", "pad_token_id": 1},
        pad="<|endoftext|>",
    )


def write_pipeline(folder: Path, unet: dict, text: dict, pad: str) -> None:
    """A text-to-image repository: `model_index.json` and a folder a part."""
    from diffusers import AutoencoderKL, PNDMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel

    vocabulary = write_clip_tokenizer(folder / "tokenizer", pad, fast=False)
    text = CLIPTextConfig(
        **clip_text(vocabulary), bos_token_id=0, eos_token_id=2, projection_dim=32, **text
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    small_unet(**unet).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=[32] * 4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=512,
        scaling_factor=0.18215,
    ).save_pretrained(folder / "vae")
    with_legacy_attention(folder / "vae")
    PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        prediction_type="epsilon",
        set_alpha_to_one=False,
        skip_prk_steps=True,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    write_json(
        folder / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.10.0.dev0",
            "scheduler": ["diffusers", "PNDMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )


def small_unet(**changes):
    """SD's UNet with its four resolutions, of 32 channels each."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=[32] * 4,
        down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        cross_attention_dim=32,
        layers_per_block=1,
        norm_num_groups=8,
        **changes,
    )


def write_controlnet_sd21(folder: Path) -> None:
    """A depth ControlNet of SD 2.1."""
    write_controlnet(folder, use_linear_projection=True, attention_head_dim=[1, 2, 2, 2])


def write_controlnet_sd15(folder: Path) -> None:
    """A depth ControlNet of SD 1.5."""
    write_controlnet(folder, attention_head_dim=8)


def write_controlnet(folder: Path, **unet) -> None:
    """A ControlNet for `small_unet(**unet)`, at the repository's root."""
    from diffusers import ControlNetModel

    ControlNetModel.from_unet(small_unet(**unet)).save_pretrained(folder)
