"""The CLIP that filters candidates. (The metric CLIP is another one, and filters nothing.)"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AutoTokenizer, CLIPModel, VisionTextDualEncoderModel

from toffee.models.load import load_model, model_type
from toffee.models.preprocess import Preprocessing
from toffee.runtime.compute import prepare
from toffee.runtime.device import device


def load_clip(folder: str | Path) -> Any:
    """A frozen CLIPModel, or a VisionTextDualEncoderModel: CLIP's kind of model, whose pictures any
    network may see.

    Raises:
        ToffeeError: the folder does not hold such a model.
    """
    dual = model_type(folder) == "vision-text-dual-encoder"
    return load_model(VisionTextDualEncoderModel if dual else CLIPModel, folder)


def picture_features(model: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Features [B,d], of any length, of preprocessed pictures on the model's device."""
    seen = model.vision_model(pictures).pooler_output
    return model.visual_projection(seen.flatten(1))  # convolutions leave [B,d,1,1]


class Clip:
    """A frozen CLIP with its tokenizer; all features are of unit length."""

    def __init__(self, folder: str | Path, batch: int = 64) -> None:
        parts = ("vision_model", "visual_projection", "text_model", "text_projection")
        self.model = prepare(
            load_clip(folder),
            *(f"{part}.forward" for part in parts),
        )
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.preprocessing = Preprocessing.read(folder)
        self.batch = batch

    @property
    def scale(self) -> float:
        """Of cosines, to logits."""
        return float(self.model.logit_scale.exp())

    @torch.no_grad()
    def images(self, images: torch.Tensor) -> torch.Tensor:
        """Features [B,d] of pictures [B,3,H,W] in [0,1]."""
        parts = [
            picture_features(self.model, self.preprocessing.whole(part).to(device()))
            for part in images.split(self.batch)
        ]
        return F.normalize(torch.cat(parts), dim=-1).cpu()

    @torch.no_grad()
    def texts(self, texts: list[str]) -> torch.Tensor:
        """Features [B,d] of texts."""
        tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(
            device()
        )
        pooled = self.model.text_model(
            input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
        ).pooler_output
        return F.normalize(self.model.text_projection(pooled), dim=-1).cpu()
