"""Checkpoints of the hub's classes and folder layouts, small and of random weights."""

import json
from pathlib import Path

import pytest
import torch

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "a", "mug", "car", "stuffed")
MORE_WORDS = ("animal", "ball", "back", "##pack")
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def write_preprocessor(folder: Path, **entries) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps({**IMAGENET, **entries}))


@pytest.fixture(scope="session")
def detector_folder(tmp_path_factory) -> Path:
    """A GroundingDinoForObjectDetection as IDEA-Research/grounding-dino-* is laid out."""
    from transformers import (
        BertConfig,
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        SwinConfig,
    )

    folder = tmp_path_factory.mktemp("grounding_dino")
    torch.manual_seed(0)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64,
            embed_dim=16,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=4,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(
            vocab_size=len(WORDS + MORE_WORDS),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_queries=10,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS + MORE_WORDS) + "\n")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    write_preprocessor(
        folder,
        image_processor_type="GroundingDinoImageProcessor",
        processor_class="GroundingDinoProcessor",
        size={"shortest_edge": 64, "longest_edge": 107},
        resample=2,
        do_pad=True,
        format="coco_detection",
    )
    return folder


@pytest.fixture(scope="session")
def sam_folder(tmp_path_factory) -> Path:
    """A SamModel as facebook/sam-vit-* is laid out."""
    from transformers import SamConfig, SamModel

    folder = tmp_path_factory.mktemp("sam")
    torch.manual_seed(0)
    config = SamConfig(
        vision_config={
            "image_size": 64,
            "patch_size": 8,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "mlp_dim": 32,
            "output_channels": 16,
            "num_pos_feats": 8,
            "global_attn_indexes": [1],
            "window_size": 4,
            "initializer_range": 0.02,
        },
        prompt_encoder_config={"image_size": 64, "patch_size": 8, "hidden_size": 16},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    SamModel(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        image_processor_type="SamImageProcessor",
        processor_class="SamProcessor",
        size={"longest_edge": 64},
        pad_size={"height": 64, "width": 64},
        resample=2,
        do_pad=True,
    )
    return folder


@pytest.fixture(scope="session")
def depth_anything_folder(tmp_path_factory) -> Path:
    """A DepthAnythingForDepthEstimation as depth-anything/Depth-Anything-V2-*-hf is laid out."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    folder = tmp_path_factory.mktemp("depth_anything")
    torch.manual_seed(0)
    config = DepthAnythingConfig(
        backbone_config=Dinov2Config(
            image_size=70,
            patch_size=14,
            hidden_size=32,
            num_hidden_layers=4,
            num_attention_heads=2,
            out_indices=[1, 2, 3, 4],
            apply_layernorm=True,
            reshape_hidden_states=False,
        ),
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    model = DepthAnythingForDepthEstimation(config)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    torch.nn.init.constant_(model.head.conv3.bias, 20.0)  # the last layer cuts off below zero
    model.save_pretrained(folder)
    write_preprocessor(
        folder,
        image_processor_type="DPTImageProcessor",
        size={"height": 70, "width": 70},
        ensure_multiple_of=14,
        keep_aspect_ratio=True,
        resample=3,
        do_pad=False,
    )
    return folder


DINOV2 = ("Dinov2", "Dinov2WithRegisters")


def write_dinov2(kind: str, layers: int, folder: Path) -> Path:
    """A model as facebook/dinov2-* or facebook/dinov2-with-registers-* is laid out."""
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        image_size=518,
        patch_size=14,
    )
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        image_processor_type="BitImageProcessor",
        size={"shortest_edge": 256},
        do_center_crop=True,
        crop_size={"height": 224, "width": 224},
        resample=3,
    )
    return folder


@pytest.fixture(scope="session", params=DINOV2)
def dinov2_folder(request, tmp_path_factory) -> Path:
    """DINOv2 without layers: a token depends on its own patch and place alone."""
    return write_dinov2(request.param, 0, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def dinov2_layered(tmp_path_factory) -> Path:
    """DINOv2 with layers."""
    return write_dinov2("Dinov2", 1, tmp_path_factory.mktemp("dinov2"))


# Schedules as the hub's scheduler folders have them, written down from memory of the public files.
PNDM = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
SCHEDULES = {
    "sd15": PNDM | {"clip_sample": False},
    "sd21-base": PNDM | {"prediction_type": "epsilon"},  # clip_sample left open
    "sd21": PNDM
    | {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction", "clip_sample": False},
}
# The entries of their unet/config.json: later ones, such as encoder_hid_dim, were not known yet.
UNET_ENTRIES = (
    *("_class_name", "act_fn", "attention_head_dim", "block_out_channels", "center_input_sample"),
    *("cross_attention_dim", "down_block_types", "downsample_padding", "flip_sin_to_cos"),
    *("freq_shift", "in_channels", "layers_per_block", "mid_block_scale_factor", "norm_eps"),
    *("norm_num_groups", "out_channels", "sample_size", "up_block_types", "use_linear_projection"),
)
UNETS = {
    "sd15": {"attention_head_dim": 2, "use_linear_projection": False, "cross_attention_dim": 32},
    "sd21": {
        "attention_head_dim": [1, 2, 4, 4],
        "use_linear_projection": True,
        "cross_attention_dim": 32,
    },
}


@pytest.fixture(scope="session")
def stable_diffusions(tmp_path_factory, random_zoo) -> dict[str, Path]:
    """Pipeline folders of Stable Diffusion by generation (see `write_stable_diffusion`)."""
    return {
        kind: write_stable_diffusion(
            kind, random_zoo / "text_to_image" / "tokenizer", tmp_path_factory.mktemp(kind)
        )
        for kind in SCHEDULES
    }


@pytest.fixture(params=SCHEDULES)
def stable_diffusion(request, stable_diffusions) -> Path:
    """Each of them in turn."""
    return stable_diffusions[request.param]


def write_stable_diffusion(kind: str, tokenizer_folder: Path, folder: Path) -> Path:
    """A pipeline folder of Stable Diffusion 1.5, 2.1-base or 2.1: four levels, an autoencoder of
    factor 8; with a depth ControlNet below `controlnet`."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.save_pretrained(folder / "tokenizer")
    blocks = [16, 16, 32, 32]
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=blocks,
        layers_per_block=1,
        norm_num_groups=8,
        **UNETS[kind.removesuffix("-base")],
    )
    unet.save_pretrained(folder / "unet")
    config = json.loads((folder / "unet" / "config.json").read_text())
    config = {name: value for name, value in config.items() if name in UNET_ENTRIES}
    (folder / "unet" / "config.json").write_text(json.dumps(config))
    controlnet = ControlNetModel.from_unet(unet)
    for name, parameter in controlnet.named_parameters():
        if "controlnet_" in name:  # its outputs start at zero
            torch.nn.init.normal_(parameter, std=0.1)
    controlnet.save_pretrained(folder / "controlnet")
    autoencoder = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8, 8, 8, 8],
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
    )
    autoencoder.save_pretrained(folder / "vae")
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length,
        hidden_act="quick_gelu" if kind == "sd15" else "gelu",
        eos_token_id=2,
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    (folder / "scheduler").mkdir()
    schedule = json.dumps(SCHEDULES[kind])
    (folder / "scheduler" / "scheduler_config.json").write_text(schedule)
    return folder
