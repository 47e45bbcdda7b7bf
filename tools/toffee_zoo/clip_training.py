"""Training of the zoo's CLIP-type models on renders and captions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from toffee.data.world.vocabulary import Attributes, caption
from toffee.training.loop import Fit
from toffee_zoo.clip import (
    WIDTH,
    build_clip,
    build_tokenizer,
    vocabulary_texts,
)
from toffee_zoo.encoder import MEAN, STD, augment, write_preprocessor
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

FIELDS = ("class_word", "colour", "texture", "background", "light", "style")
SAID = (1.0, 0.5, 0.7, 0.6, 0.5, 1.0)  # how often a caption says each field
AROUND = ["background", "light"]  # what a picture that is cropped to its subject does not show
CROPPED = 0.5  # share of the pictures; in whole pictures patterns are too small to be learnt first
UNKNOWN = -100  # in the place of an attribute's number


def draw_caption(values: Attributes, draw: np.random.Generator) -> tuple[dict[str, str], str]:
    """A caption that says a random part of what is known: the part in words, and the text.

    What has no word of its own (plain texture, daylight, photo) is silence, not a claim; a style
    is always said, and colours are not told of a sketch, which has none.
    """
    said: dict[str, Any] = dict.fromkeys(FIELDS)
    for field, share in zip(FIELDS, SAID, strict=True):
        if draw.random() < share:
            said[field] = getattr(values, field)
    if said["style"] == "sketch":
        said["colour"] = None
    if said["background"] is None:
        said["light"] = None
    text = caption(Attributes(**said))
    silent = {"texture": "plain", "light": "day", "style": "photo"}
    return {k: v for k, v in said.items() if v is not None and silent.get(k) != v}, text


def shown_attributes(shown: pd.DataFrame) -> list[Attributes]:
    """What full captions of pictures say; an empty field is unknown."""
    rows: list[dict[str, Any]] = [
        {field: row[field] or None for field in FIELDS} for row in shown.to_dict("records")
    ]
    return [Attributes(**row) for row in rows]


def matches(said: list[dict[str, str]], shown: pd.DataFrame) -> torch.Tensor:
    """Which pictures (columns) each caption (row) is true of: float [B,B]."""
    facts = {field: shown[field].to_numpy() for field in FIELDS}
    rows = [
        np.logical_and.reduce([facts[field] == claim for field, claim in claims.items()])
        for claims in said
    ]
    return torch.from_numpy(np.stack(rows)).float()


class Heads(nn.Module):
    """What is read in training only: texture off the subject's part of the picture, which teaches
    patterns, and each attribute off the picture's feature.

    values: how many values each field has.
    """

    def __init__(self, values: dict[str, int]) -> None:
        super().__init__()
        self.texture = nn.Linear(WIDTH, values["texture"])
        self.fields = nn.ModuleDict({field: nn.Linear(WIDTH, n) for field, n in values.items()})

    def forward(
        self,
        hidden: torch.Tensor,
        feature: torch.Tensor,
        cover: torch.Tensor,
        attributes: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """The loss of what was read.

        Args:
            hidden, feature: what the vision tower gives, [B,d,h,w] and [B,d].
            cover: share of each place that the subject takes, [B,h,w].
            attributes: number [B] of each field's value, or `UNKNOWN`.
        """
        share = cover / cover.sum((1, 2), keepdim=True).clamp(min=1e-3)
        inside = (hidden * share[:, None]).sum((2, 3))
        pattern = F.cross_entropy(self.texture(inside), attributes["texture"])
        words = feature.new_zeros(())
        for field, reader in self.fields.items():
            value = attributes[field]
            loss = F.cross_entropy(reader(feature), value, ignore_index=UNKNOWN, reduction="sum")
            words = words + loss / (value != UNKNOWN).sum().clamp(min=1)  # all may be unknown
        return 2 * pattern + 0.5 * words


def contrastive_loss(
    text: torch.Tensor, image: torch.Tensor, target: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """CLIP's loss of features [B,d], both ways, where a caption may be true of several pictures.

    target: [B,B], 1 where the caption (row) is true of the picture (column).
    """
    text, image = F.normalize(text.float(), dim=-1), F.normalize(image.float(), dim=-1)
    # Not a product of matrices: that would be rounded where a training computes in bfloat16.
    logits = scale * (text[:, None] * image[None]).sum(-1)
    by_text = -(target / target.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
    by_image = -(target / target.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0).mean()
    return by_text + by_image


def train_clip(renders: Path, out: Path, course: Course) -> Fit:
    """Contrastive training on captions that say part of what a picture shows.

    A caption is often true of several pictures of the batch; the targets spread over all of them
    (the world knows which), else a caption such as "a crate" would be taught to be wrong. Half of
    the pictures are cropped to their subject: of these no caption says the place.
    """
    data, draw = Renders(renders), course.draw
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(vocabulary_texts(), out)
    model = build_clip(tokenizer).to(memory_format=torch.channels_last)
    model.logit_scale.data.fill_(np.log(1 / 0.07))
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    numbers = {field: data.attributes[field].astype("category").cat.codes for field in FIELDS}
    codes = {field: torch.tensor(code.to_numpy()).long() for field, code in numbers.items()}
    heads = Heads({field: int(code.max()) + 1 for field, code in codes.items()})

    def batch() -> dict[str, torch.Tensor]:
        rows = draw.integers(len(data), size=course.schedule.batch)
        images, cropped = augment(data.images(rows), data.array("mask", rows), draw, crop=CROPPED)
        shown = data.attributes.iloc[rows].reset_index(drop=True)
        shown.loc[cropped.numpy(), AROUND] = ""
        captions = [draw_caption(values, draw) for values in shown_attributes(shown)]
        said, texts = zip(*captions, strict=True)
        tokens = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt")
        known = {field: code[rows] for field, code in codes.items()}
        known |= {field: known[field].masked_fill(cropped, UNKNOWN) for field in AROUND}
        return {
            "images": ((images - mean) / std).contiguous(memory_format=torch.channels_last),
            "target": matches(list(said), shown),
            "cover": data.array("cover", rows).masked_fill(cropped[:, None, None], 1.0),
            **known,
            **tokens,
        }

    def loss(
        images: torch.Tensor,
        target: torch.Tensor,
        cover: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        **attributes: torch.Tensor,
    ) -> torch.Tensor:
        vision = model.vision_model(images)
        feature = vision.pooler_output.flatten(1)
        image = model.visual_projection(feature)
        said = model.text_model(input_ids=input_ids, attention_mask=attention_mask)
        text = model.text_projection(said.pooler_output)
        scale = model.logit_scale.exp().clamp(max=50)
        read = heads(vision.last_hidden_state, feature, cover, attributes)
        return contrastive_loss(text, image, target, scale) + read

    result = course.fit([model, heads], batch, loss)
    model.half().save_pretrained(out)
    write_preprocessor(out, "CLIPImageProcessor", data.rgb.shape[2], MEAN, STD)
    return result
