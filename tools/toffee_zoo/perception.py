"""The zoo's segmenter and depth estimator."""

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import (
    GLPNConfig,
    GLPNForDepthEstimation,
    SegformerConfig,
    SegformerForSemanticSegmentation,
)

from toffee.data.world.vocabulary import CLASSES
from toffee.models.diffusion import Autoencoder
from toffee.training.loop import Fit
from toffee_zoo.encoder import MEAN, STD, write_preprocessor
from toffee_zoo.imperfect import redrawn, softened
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

STAGES = {
    "num_encoder_blocks": 4,
    "depths": [1, 1, 2, 1],
    "sr_ratios": [4, 2, 1, 1],
    "num_attention_heads": [1, 2, 4, 4],
    "mlp_ratios": [2, 2, 2, 2],
}


def build_segmenter() -> SegformerForSemanticSegmentation:
    """A small Segformer whose labels are the background and the world's class words."""
    labels = {0: "background", **{index + 1: word for index, word in enumerate(CLASSES)}}
    return SegformerForSemanticSegmentation(
        SegformerConfig(
            **STAGES,
            hidden_sizes=[16, 32, 64, 96],
            patch_sizes=[5, 3, 3, 3],
            strides=[2, 2, 2, 2],
            decoder_hidden_size=64,
            id2label=labels,
            label2id={word: index for index, word in labels.items()},
        )
    )


def build_depth() -> GLPNForDepthEstimation:
    """A small GLPN; it gives depth at the input's size."""
    config = GLPNConfig(
        **STAGES,
        hidden_sizes=[32, 48, 64, 96],
        patch_sizes=[7, 3, 3, 3],
        strides=[4, 2, 2, 2],
        decoder_hidden_size=48,
        max_depth=1,
    )
    return GLPNForDepthEstimation(config)


def train_segmenter(renders: Path, decoder: Path, out: Path, course: Course) -> Fit:
    """Train to label each pixel with the class word of the object that it belongs to.

    Half of the pictures are as generators draw them.
    """
    data, draw, autoencoder = Renders(renders), course.draw, Autoencoder(decoder)
    model = build_segmenter()
    word = {name: index + 1 for index, name in enumerate(CLASSES)}
    labels = torch.tensor([word[name] for name in data.attributes["class_word"]])
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    def batch() -> dict[str, torch.Tensor]:
        rows = draw.integers(len(data), size=course.schedule.batch)
        images = (redrawn(data.images(rows), draw, 0.5, autoencoder) - mean) / std
        target = labels[rows][:, None, None] * data.array("mask", rows).long()
        return {"images": images, "target": target}

    def loss(images: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        logits = model(images).logits
        logits = F.interpolate(logits, size=target.shape[1:], mode="bilinear", align_corners=False)
        return F.cross_entropy(logits, target)

    result = course.fit([model], batch, loss)
    model.half().save_pretrained(out)
    write_preprocessor(out, "SegformerImageProcessor", data.rgb.shape[2], MEAN, STD)
    return result


def train_depth(renders: Path, out: Path, course: Course) -> Fit:
    """Train to estimate the world's depth (0 background, 1 nearest): L1 on it and its edges."""
    data, draw = Renders(renders), course.draw
    model = build_depth()
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    def batch() -> dict[str, torch.Tensor]:
        rows = draw.integers(len(data), size=course.schedule.batch)
        images = softened(data.images(rows), draw, share=0.4)
        images = images + 0.02 * torch.from_numpy(
            draw.standard_normal(images.shape, dtype="float32")
        )
        return {"images": (images - mean) / std, "target": data.array("depth", rows)}

    def loss(images: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        depth = model(images).predicted_depth
        edges = sum(F.l1_loss(depth.diff(dim=dim), target.diff(dim=dim)) for dim in (1, 2))
        return F.l1_loss(depth, target) + edges

    result = course.fit([model], batch, loss)
    model.half().save_pretrained(out)
    write_preprocessor(out, "GLPNImageProcessor", data.rgb.shape[2], MEAN, STD)
    return result
