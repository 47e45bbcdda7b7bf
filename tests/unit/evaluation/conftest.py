"""Tiny metric encoders of the real classes with random weights, in hub layout."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast, ViTConfig, ViTModel

from toffee.evaluation.metrics import Metrics

WORDS = [
    *("a", "an", "the", "on", "in", "at", "floor", "wooden", "striped"),
    *("ball", "crate", "mug", "tree", "house", "snowman", "table", "car"),
    *("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "black"),
    *("grass", "sand", "snow", "brick", "night", "water", "rug"),
]


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes ten seconds or more")


def save_dino(folder: Path) -> Path:
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=64,
        patch_size=16,
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    write_preprocessor(folder, size={"height": 64, "width": 64})
    return folder


def save_clip(folder: Path) -> Path:
    torch.manual_seed(1)
    vocabulary = {
        word: i for i, word in enumerate(["<pad>", "<start>", "<end>", "<unk>", *sorted(WORDS)])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<start>",
        eos_token="<end>",
        unk_token="<unk>",
        model_max_length=16,
    ).save_pretrained(folder)
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = CLIPConfig(
        text_config={
            "hidden_size": 32,
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 16,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
            **layers,
        },
        vision_config={"hidden_size": 32, "image_size": 64, "patch_size": 16, **layers},
        projection_dim=24,
    )
    CLIPModel(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        size={"shortest_edge": 64},
        do_center_crop=True,
        crop_size={"height": 64, "width": 64},
    )
    return folder


def write_preprocessor(folder: Path, **entries) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "image_mean": [0.48, 0.45, 0.4],
        "image_std": [0.27, 0.26, 0.28],
        "resample": 3,
        **entries,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(values))


@pytest.fixture(scope="session")
def encoders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("encoders")
    return {
        "metric_dino": save_dino(root / "metric_dino"),
        "metric_clip": save_clip(root / "metric_clip"),
    }


@pytest.fixture(scope="session")
def metrics(encoders) -> Metrics:
    return Metrics(**encoders, batch=4, device="cpu")


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 3, 64, 64, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def masks() -> torch.Tensor:
    """Boxes of different places and shapes; the last is empty."""
    masks = torch.zeros(6, 64, 64, dtype=torch.bool)
    for row in range(5):
        masks[row, 5 * row : 5 * row + 20, 8 : 30 + 4 * row] = True
    return masks
