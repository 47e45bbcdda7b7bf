"""Training of the zoo's CLIP-type models on renders and captions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from toffee.data.world.vocabulary import (
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    LIGHTS,
    NAMED_TEXTURES,
    Attributes,
    caption,
)
from toffee.training.loop import Fit
from toffee_zoo.clip import (
    WIDTH,
    build_clip,
    build_tokenizer,
    vocabulary_texts,
)
from toffee_zoo.encoder import MEAN, STD, augment, write_preprocessor
from toffee_zoo.imperfect import softened
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

FIELDS = ("class_word", "colour", "texture", "background", "light", "style")
SAID = (1.0, 0.5, 0.7, 0.7, 0.8, 1.0)  # how often a caption says each field
AROUND = ["background", "light"]  # what a picture that is cropped to its subject does not show
CROPPED = 0.5  # share of the pictures; in whole pictures patterns are too small to be learnt first
SILENT = {"texture": "plain", "light": "day", "style": "photo"}  # values without a word
CHANGED = {
    "class_word": CLASSES,
    "colour": tuple(COLOURS),
    "texture": NAMED_TEXTURES,
    "background": tuple(BACKGROUNDS),
    "light": tuple(LIGHTS),
}  # what a wrong caption may say instead
UNKNOWN = -100  # in the place of an attribute's number


def draw_said(values: Attributes, draw: np.random.Generator) -> dict[str, Any]:
    """A random part of what is known of a picture, for its caption: values by field, None unsaid.

    A style is always said, colours are not told of a sketch, which has none, and no light without
    its place.
    """
    said: dict[str, Any] = dict.fromkeys(FIELDS)
    for field, share in zip(FIELDS, SAID, strict=True):
        if draw.random() < share:
            said[field] = getattr(values, field)
    if said["style"] == "sketch":
        said["colour"] = None
    if said["background"] is None:
        said["light"] = None
    return said


def claims(said: dict[str, Any]) -> dict[str, str]:
    """What a caption claims: what has no word of its own (plain texture, daylight, photo) is
    silence, which is true of every picture."""
    return {k: v for k, v in said.items() if v is not None and SILENT.get(k) != v}


def draw_wrong(said: dict[str, Any], values: Attributes, draw: np.random.Generator) -> str:
    """A caption that is wrong of the picture, or says less, in one field (Yuksekgonul et al., arXiv
    2210.01936: hard negatives).

    Pictures of a batch seldom differ in nothing but a light or a texture, so that without such
    captions these words are hardly learnt.
    """
    fields = [
        field
        for field in CHANGED
        if getattr(values, field) is not None
        and (field != "light" or said["background"] is not None)
        and (field != "colour" or said["style"] != "sketch")
    ]
    field = fields[draw.integers(len(fields))]
    unsaid = SILENT.get(field) if said[field] is None else None  # would change nothing
    others = [v for v in CHANGED[field] if v not in (getattr(values, field), unsaid)]
    return caption(Attributes(**said | {field: others[draw.integers(len(others))]}))


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


def wrong_loss(
    text: torch.Tensor, wrong: torch.Tensor, image: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """How little each picture prefers its caption to its wrong one; features [B,d]."""
    text, wrong, image = (F.normalize(part.float(), dim=-1) for part in (text, wrong, image))
    return F.softplus(scale * ((wrong - text) * image).sum(-1)).mean()


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
        images, cropped = augment(
            data.images(rows), data.array("mask", rows), draw, CROPPED, softened
        )
        shown = data.attributes.iloc[rows].reset_index(drop=True)
        shown.loc[cropped.numpy(), AROUND] = ""
        known_of = shown_attributes(shown)
        said = [draw_said(values, draw) for values in known_of]
        wrong = [draw_wrong(*one, draw) for one in zip(said, known_of, strict=True)]
        texts = [caption(Attributes(**one)) for one in said] + wrong
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        known = {field: code[rows] for field, code in codes.items()}
        known |= {field: known[field].masked_fill(cropped, UNKNOWN) for field in AROUND}
        return {
            "images": ((images - mean) / std).contiguous(memory_format=torch.channels_last),
            "target": matches([claims(one) for one in said], shown),
            "cover": data.array("cover", rows).masked_fill(cropped[:, None, None], 1.0),
            **known,
            # [B,2,L]: of each picture the caption and the wrong one
            **{name: torch.stack(ids.chunk(2), 1) for name, ids in tokens.items()},
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
        said = model.text_model(
            input_ids=input_ids.flatten(0, 1), attention_mask=attention_mask.flatten(0, 1)
        )
        text, wrong = model.text_projection(said.pooler_output).unflatten(0, (-1, 2)).unbind(1)
        scale = model.logit_scale.exp().clamp(max=50)
        read = heads(vision.last_hidden_state, feature, cover, attributes)
        told = contrastive_loss(text, image, target, scale) + wrong_loss(text, wrong, image, scale)
        return told + read

    result = course.fit([model, heads], batch, loss)
    model.half().save_pretrained(out)
    write_preprocessor(out, "CLIPImageProcessor", data.rgb.shape[2], MEAN, STD)
    return result
