"""The zoo's DINO-type encoders: the subject encoder and the metric encoder.

A DINO of real size is trained on hundreds of millions of photos and, as is well known, comes out
with two properties that the paper builds on: its class token tells individuals apart whatever is
around them, and its patch tokens find the same part in pictures of different individuals. At this
size and within minutes self-distillation reaches neither, so both are trained for directly, with
what the procedural world knows: which views show the same subject, and which point of the object a
patch shows.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import Dinov2Config, Dinov2Model, PreTrainedModel, ViTConfig, ViTModel

from toffee.models.diffusion import Autoencoder
from toffee.training.loop import Fit
from toffee_zoo.imperfect import redrawn
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

WIDTH, LAYERS, HEADS, PATCH = 128, 4, 4, 8
TEMPERATURE = 0.1
REACH = 0.15  # object coordinates within which two patches show the same part
GREY = 0.5
MEAN, STD = [0.5] * 3, [0.5] * 3

Imperfect = Callable[[torch.Tensor, np.random.Generator, float], torch.Tensor]


def build_encoder(kind: str, resolution: int) -> PreTrainedModel:
    """A small vision transformer of class Dinov2Model (`dinov2`) or ViTModel (`vit`)."""
    common = {
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "image_size": resolution,
        "patch_size": PATCH,
    }
    if kind == "dinov2":
        return Dinov2Model(Dinov2Config(mlp_ratio=4, layerscale_value=0.1, **common))
    return ViTModel(ViTConfig(intermediate_size=4 * WIDTH, **common), add_pooling_layer=False)


def augment(
    images: torch.Tensor,
    masks: torch.Tensor,
    draw: np.random.Generator,
    crop: float,
    imperfect: Imperfect,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Vary pictures as the pipeline will: segmented, cropped, imperfect, lighter or darker.

    Args:
        images: [B,3,H,W] in [0,1].
        masks: [B,H,W].
        draw: source of the random choices.
        crop: share of the pictures that are segmented and cropped to the subject.
        imperfect: makes some of them as if they had been drawn: (images, draw, share) to images.

    Returns:
        The varied pictures, and bool [B]: which of them were cropped.
    """
    batch = len(images)
    chance = lambda share: torch.from_numpy(draw.random(batch) < share)  # noqa: E731
    cropped = chance(crop) & masks.flatten(1).any(1)
    filled = (cropped | chance(0.15))[:, None, None, None] & ~masks[:, None]
    images = torch.where(filled, torch.tensor(GREY), images)
    images = torch.where(cropped[:, None, None, None], _crop(images, masks), images)
    images = imperfect(images, draw, 0.3)
    light = torch.from_numpy(draw.uniform(0.9, 1.1, (batch, 1, 1, 1))).float()
    noise = 0.02 * torch.from_numpy(draw.standard_normal(images.shape, dtype="float32"))
    return (images * light + noise).clamp(0, 1), cropped


def _crop(images: torch.Tensor, masks: torch.Tensor, margin: float = 1.1) -> torch.Tensor:
    """Enlarge the square around each mask to the whole picture."""
    size = masks.shape[-1]
    rows, columns = masks.any(2).float(), masks.any(1).float()
    ends = []
    for line in (columns, rows):
        first = line.argmax(1)
        last = size - line.flip(1).argmax(1)
        ends.append((first, last))
    (left, right), (top, bottom) = ends
    half = torch.maximum(right - left, bottom - top).clamp(min=4) * margin / size
    theta = torch.zeros(len(images), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = half
    theta[:, 0, 2] = (left + right) / size - 1
    theta[:, 1, 2] = (top + bottom) / size - 1
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def identity_loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """InfoNCE between class tokens of two views of the same subjects, both ways."""
    logits = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T / TEMPERATURE
    target = torch.arange(len(a))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def correspondence_loss(
    tokens: tuple[torch.Tensor, torch.Tensor],
    points: tuple[torch.Tensor, torch.Tensor],
    cover: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Each patch of picture a must find the patch of picture b that shows the same part.

    Args:
        tokens: two times [B,N,d].
        points: two times object coordinates [B,N,3].
        cover: two times share of the patch inside the mask [B,N].
    """
    a, b = (F.normalize(value, dim=-1) for value in tokens)
    logits = a @ b.transpose(1, 2) / TEMPERATURE
    distance = torch.cdist(points[0], points[1])
    distance = distance.masked_fill(cover[1][:, None] < 0.3, 10.0)
    target = torch.exp(-((distance / REACH) ** 2))
    valid = (cover[0] >= 0.5) & (target.amax(2) > 0.3)
    target = target / target.sum(2, keepdim=True).clamp(min=1e-6)
    loss = -(target * logits.log_softmax(2)).sum(2)
    return (loss * valid).sum() / valid.sum().clamp(min=1)


class _Heads(nn.Module):
    """What is read off the patch tokens in training only: their pixels, points and coverage."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = nn.Linear(WIDTH, 3 * PATCH * PATCH)
        self.surface = nn.Linear(WIDTH, 4)

    def forward(self, tokens, images, points, cover) -> torch.Tensor:
        patches = F.pixel_unshuffle(images, PATCH).flatten(2).transpose(1, 2)
        pixels = F.mse_loss(self.pixels(tokens), patches * 2 - 1)
        surface = self.surface(tokens)
        inside = (cover > 0.5)[..., None]
        point = ((surface[..., :3] - points).square() * inside).sum() / inside.sum().clamp(min=1)
        return (
            pixels + 0.1 * point + 0.1 * F.binary_cross_entropy_with_logits(surface[..., 3], cover)
        )


def train_encoder(renders: Path, decoder: Path, out: Path, course: Course, kind: str) -> Fit:
    """Train an encoder on pairs of views.

    Three losses: class tokens tell the subject again among the others of the batch; patch tokens
    find their part in another view of the subject and in a picture of another subject of the
    class; the patch's own pixels can be read off its token.
    """
    data, draw = Renders(renders), course.draw
    imperfect = partial(redrawn, autoencoder=Autoencoder(decoder))
    model, heads = build_encoder(kind, data.rgb.shape[2]), _Heads()
    classes = data.attributes["class_word"].to_numpy()[:: data.views]
    members = {word: np.flatnonzero(classes == word) for word in np.unique(classes)}
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    swap = torch.arange(course.schedule.batch // 2 * 2) ^ 1  # the other subject of the couple

    def batch() -> dict[str, torch.Tensor]:
        # Subjects come in couples of the same class: hard negatives for the class token, and
        # partners across individuals for the patch tokens.
        words = draw.choice(list(members), size=course.schedule.batch // 2)
        subjects = np.concatenate([draw.choice(members[word], 2, replace=False) for word in words])
        views = np.stack([draw.permutation(data.views)[:2] for _ in subjects])
        rows = (subjects[:, None] * data.views + views).T.reshape(-1)  # all a, then all b
        clean = data.images(rows)
        masks = data.array("mask", rows)
        images, cropped = augment(clean, masks, draw, crop=0.3, imperfect=imperfect)
        return {
            "images": images,
            "seen": (images - mean) / std,
            "cropped": cropped,
            "points": data.array("points", rows).flatten(1, 2),
            "cover": data.array("cover", rows).flatten(1, 2),
        }

    def loss(
        images: torch.Tensor,
        seen: torch.Tensor,
        cropped: torch.Tensor,
        points: torch.Tensor,
        cover: torch.Tensor,
    ) -> torch.Tensor:
        hidden = model(seen).last_hidden_state
        tokens = hidden[:, 1:]
        a, b = slice(0, len(swap)), slice(len(swap), None)
        blank = cover * (~cropped)[:, None]
        dense = correspondence_loss(
            (tokens[a], tokens[b]), (points[a], points[b]), (blank[a], blank[b])
        ) + correspondence_loss(
            (tokens[a], tokens[b][swap]), (points[a], points[b][swap]), (blank[a], blank[b][swap])
        )
        keep = ~cropped
        read = heads(tokens[keep], images[keep], points[keep], cover[keep])
        return identity_loss(hidden[a, 0], hidden[b, 0]) + 0.5 * dense + 2 * read

    result = course.fit([model, heads], batch, loss)
    model.half().save_pretrained(out)
    write_preprocessor(out, "ViTImageProcessor", data.rgb.shape[2], MEAN, STD)
    return result


def write_preprocessor(
    out: Path, kind: str, resolution: int, mean: Sequence[float], std: Sequence[float]
) -> None:
    """Write the `preprocessor_config.json` that a hub checkpoint of this kind carries."""
    import json

    config = {
        "image_processor_type": kind,
        "do_resize": True,
        "size": {"shortest_edge": resolution},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": resolution, "width": resolution},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": mean,
        "image_std": std,
    }
    (out / "preprocessor_config.json").write_text(json.dumps(config, indent=2) + "\n")
