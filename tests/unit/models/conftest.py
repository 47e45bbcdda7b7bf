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
