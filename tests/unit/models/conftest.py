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


@pytest.fixture(scope="session", params=DINOV2)
def dinov2_folder(request, tmp_path_factory) -> Path:
    """A model as facebook/dinov2-* or facebook/dinov2-with-registers-* is laid out, without layers:
    a token depends on its own patch and place alone."""
    import transformers

    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    config = getattr(transformers, f"{request.param}Config")(
        hidden_size=32, num_hidden_layers=0, num_attention_heads=2, image_size=518, patch_size=14
    )
    getattr(transformers, f"{request.param}Model")(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        image_processor_type="BitImageProcessor",
        size={"shortest_edge": 256},
        do_center_crop=True,
        crop_size={"height": 224, "width": 224},
        resample=3,
    )
    return folder
