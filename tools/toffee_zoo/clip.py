"""The zoo's CLIP-type models: words and pictures in one space."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, ViTModel

from toffee.data.world.vocabulary import Attributes, caption
from toffee.training.loop import Fit
from toffee_zoo.encoder import MEAN, STD, augment, write_preprocessor
from toffee_zoo.renders import Renders
from toffee_zoo.training import Course

WIDTH, LAYERS, HEADS, PATCH, PROJECTION = 128, 4, 4, 8, 128
TEXT_LAYERS, LENGTH = 2, 20
START, END = "<|startoftext|>", "<|endoftext|>"
FIELDS = ("class_word", "colour", "texture", "background", "light", "style")


def build_tokenizer(texts: list[str], out: Path) -> CLIPTokenizer:
    """Learn CLIP's kind of byte-pair encoding from texts and write `vocab.json`, `merges.txt`.

    Every byte is in the vocabulary, so any text can be read; words of `texts` become one token.
    """
    encoder = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    encoder.normalizer = normalizers.Lowercase()
    encoder.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    encoder.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=2000,
            min_frequency=1,
            end_of_word_suffix="</w>",
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    bpe = json.loads(encoder.to_str())["model"]
    merges = [tuple(merge) for merge in bpe["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    words += [left + right for left, right in merges]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys([*words, START, END]))}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)
    tokenizer.save_pretrained(out)
    return tokenizer


def build_clip(tokenizer: CLIPTokenizer, resolution: int) -> CLIPModel:
    """A small CLIPModel for the tokenizer's vocabulary."""
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": TEXT_LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "image_size": resolution,
        "patch_size": PATCH,
        "hidden_act": "gelu",
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=PROJECTION))


def start_from_encoder(model: CLIPModel, folder: Path, images: torch.Tensor) -> None:
    """Start the vision tower from a trained ViTModel, in place.

    CLIP's tower normalises its embeddings and its patches have no bias: the bias goes into the
    places, and the normalisation starts at the scale that the embeddings have.

    Args:
        model: the model to start.
        folder: the ViTModel.
        images: some normalised pictures [B,3,H,W], to measure that scale.
    """
    vit = ViTModel.from_pretrained(folder, dtype=torch.float32, add_pooling_layer=False)
    source = vit.state_dict()
    place = source["embeddings.position_embeddings"][0].clone()
    place[1:] += source["embeddings.patch_embeddings.projection.bias"]
    state = {
        "embeddings.class_embedding": source["embeddings.cls_token"][0, 0],
        "embeddings.patch_embedding.weight": source[
            "embeddings.patch_embeddings.projection.weight"
        ],
        "embeddings.position_embedding.weight": place,
        "post_layernorm.weight": source["layernorm.weight"],
        "post_layernorm.bias": source["layernorm.bias"],
    }
    names = {
        "attention.q_proj": "self_attn.q_proj",
        "attention.k_proj": "self_attn.k_proj",
        "attention.v_proj": "self_attn.v_proj",
        "attention.o_proj": "self_attn.out_proj",
        "layernorm_before": "layer_norm1",
        "layernorm_after": "layer_norm2",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    }
    for layer in range(LAYERS):
        for old, new in names.items():
            for kind in ("weight", "bias"):
                key = f"encoder.layers.{layer}.{new}.{kind}"
                state[key] = source[f"layers.{layer}.{old}.{kind}"]
    missing, unexpected = model.vision_model.load_state_dict(state, strict=False)
    unknown = [
        name for name in missing if "pre_layrnorm" not in name and "position_ids" not in name
    ]
    if unknown or unexpected:
        raise ValueError(f"the encoder does not fit the vision tower: {unknown + unexpected}")
    with torch.no_grad():
        spread = model.vision_model.embeddings(images).std()
        model.vision_model.pre_layrnorm.weight.fill_(spread)


def vocabulary_texts() -> list[str]:
    """Captions that hold every word of the world."""
    from toffee.data.world import vocabulary as words

    parts = [*words.CLASSES, *words.COLOURS, *words.TEXTURES, "a photo of a painting of the"]
    phrases = [*words.BACKGROUNDS.values(), *words.LIGHTS.values(), *words.STYLES.values()]
    return [*parts, *phrases] * 4


def draw_caption(values: Attributes, draw: np.random.Generator) -> tuple[dict[str, str], str]:
    """A caption that says a random part of what is known: the part in words, and the text.

    What has no word of its own (plain texture, daylight, photo) is silence, not a claim; a style
    is always said, and colours are not told of a sketch, which has none.
    """
    said: dict[str, Any] = dict.fromkeys(FIELDS)
    for field, share in zip(FIELDS, (1.0, 0.5, 0.4, 0.6, 0.5, 1.0), strict=True):
        if draw.random() < share:
            said[field] = getattr(values, field)
    if said["style"] == "sketch":
        said["colour"] = None
    if said["background"] is None:
        said["light"] = None
    text = caption(Attributes(**said))
    silent = {"texture": "plain", "light": "day", "style": "photo"}
    return {k: v for k, v in said.items() if v is not None and silent.get(k) != v}, text


def matches(said: list[dict[str, str]], shown: pd.DataFrame) -> torch.Tensor:
    """Which pictures (columns) each caption (row) is true of: float [B,B]."""
    facts = {field: shown[field].to_numpy() for field in FIELDS}
    rows = [
        np.logical_and.reduce([facts[field] == claim for field, claim in claims.items()])
        for claims in said
    ]
    return torch.from_numpy(np.stack(rows)).float()


def train_clip(renders: Path, out: Path, course: Course, metric_dino: Path | None = None) -> Fit:
    """Contrastive training on captions that say part of what a picture shows.

    A caption is often true of several pictures of the batch; the targets spread over all of them
    (the world knows which), else a caption such as "a crate" would be taught to be wrong.
    Heads that are used in training only read the surface off the patch tokens, which teaches shape,
    and each attribute off the picture's feature. With `metric_dino` the vision tower starts from
    that encoder.
    """
    data, draw = Renders(renders), course.draw
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(vocabulary_texts(), out)
    model = build_clip(tokenizer, data.rgb.shape[2])
    model.logit_scale.data.fill_(np.log(1 / 0.07))
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    if metric_dino is not None:
        images = data.images(draw.integers(len(data), size=64))
        start_from_encoder(model, metric_dino, (images - mean) / std)
    surface = torch.nn.Linear(WIDTH, 4)
    codes = {
        field: torch.from_numpy(data.attributes[field].astype("category").cat.codes.to_numpy())
        for field in FIELDS
    }
    readers = torch.nn.ModuleDict(
        {field: torch.nn.Linear(WIDTH, int(code.max()) + 1) for field, code in codes.items()}
    )

    def batch() -> dict[str, torch.Tensor]:
        rows = draw.integers(len(data), size=course.schedule.batch)
        images, _ = augment(data.images(rows), data.array("mask", rows), draw, crop=0.0)
        captions = [draw_caption(data.caption_attributes(row), draw) for row in rows]
        said, texts = zip(*captions, strict=True)
        tokens = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt")
        return {
            "images": (images - mean) / std,
            "target": matches(list(said), data.attributes.iloc[rows]),
            "points": data.array("points", rows).flatten(1, 2),
            "cover": data.array("cover", rows).flatten(1, 2),
            **{field: code[rows].long() for field, code in codes.items()},
            **tokens,
        }

    def loss(
        images: torch.Tensor,
        target: torch.Tensor,
        points: torch.Tensor,
        cover: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        **attributes: torch.Tensor,
    ) -> torch.Tensor:
        vision = model.vision_model(images)
        image = model.visual_projection(vision.pooler_output)
        said = model.text_model(input_ids=input_ids, attention_mask=attention_mask)
        text = model.text_projection(said.pooler_output)
        logits = (F.normalize(text, dim=-1) @ F.normalize(image, dim=-1).T) * (
            model.logit_scale.exp().clamp(max=50)
        )
        by_text = -(target / target.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
        by_image = -(target / target.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0).mean()
        read = surface(vision.last_hidden_state[:, 1:])
        inside = (cover > 0.5)[..., None]
        point = ((read[..., :3] - points).square() * inside).sum() / inside.sum()
        shape = point + F.binary_cross_entropy_with_logits(read[..., 3], cover)
        words = sum(
            F.cross_entropy(reader(vision.pooler_output), attributes[field])
            for field, reader in readers.items()
        )
        return by_text + by_image + 0.5 * shape + 0.5 * words

    result = course.fit([model, surface, readers], batch, loss)
    model.half().save_pretrained(out)
    write_preprocessor(out, "CLIPImageProcessor", data.rgb.shape[2], MEAN, STD)
    return result
