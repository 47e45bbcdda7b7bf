"""Masks of subjects by a semantic segmenter whose labels are class words."""

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForSemanticSegmentation

from toffee.models.load import load_model
from toffee.models.preprocess import Preprocessing
from toffee.runtime.compute import prepare
from toffee.runtime.device import device
from toffee.runtime.errors import ToffeeError

MIN_CONFIDENCE = 0.05  # least mean probability of the class word over an object's pixels


class SemanticSegmenter:
    """A frozen semantic segmenter; its labels are the class words that it knows."""

    def __init__(self, folder: str | Path, batch: int = 64) -> None:
        self.folder = Path(folder)
        self.model = prepare(load_model(AutoModelForSemanticSegmentation, folder))
        self.preprocessing = Preprocessing.read(folder)
        self.labels = {word: int(index) for index, word in self.model.config.id2label.items()}
        self.batch = batch

    @torch.no_grad()
    def segment(self, images: torch.Tensor, class_words: list[str]) -> torch.Tensor:
        """Masks bool [B,H,W] of the object that each class word names.

        A pixel belongs to an object where the background (label 0) is less likely than all classes
        together. The object counts as found if the class word has at least `MIN_CONFIDENCE` of the
        probability over these pixels; one that is not found has an empty mask.

        Raises:
            ToffeeError: the segmenter has no label of that name.
        """
        for word in class_words:
            if word not in self.labels:
                known = ", ".join(sorted(self.labels))
                raise ToffeeError(f"{self.folder}: no label {word!r}; expected one of {known}")
        wanted = torch.tensor([self.labels[word] for word in class_words])
        masks = []
        for part, label in zip(images.split(self.batch), wanted.split(self.batch), strict=True):
            logits = self.model(self.preprocessing.whole(part).to(device())).logits
            logits = F.interpolate(logits, images.shape[-2:], mode="bilinear", align_corners=False)
            likely = logits.softmax(1)
            object_ = likely[:, 0] < 0.5
            area = object_.sum((1, 2)).clamp(min=1)
            own = likely[torch.arange(len(part)), label]
            found = (own * object_).sum((1, 2)) / area >= MIN_CONFIDENCE
            masks.append((object_ & found[:, None, None]).cpu())
        return torch.cat(masks)
