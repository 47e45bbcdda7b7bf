"""Boxes of objects from class words."""

from dataclasses import replace
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
)

from toffee.data.loaders.images import to_arrays
from toffee.models.load import load_model
from toffee.runtime.compute import compute, computing, prepare
from toffee.runtime.device import device

BOX_THRESHOLD, TEXT_THRESHOLD = 0.3, 0.25
"""Least probability of a box, and of a word for a box to be called by it: Grounded-SAM's values
(arXiv 2401.14159)."""


class Detector:
    """A frozen Grounding DINO (arXiv 2303.05499), asked for one class word a picture."""

    def __init__(self, folder: str | Path, batch: int = 4) -> None:
        # Coordinates in half precision are off by pixels.
        with computing(replace(compute(), dtype="float32")):
            self.model = prepare(load_model(GroundingDinoForObjectDetection, folder))
        self.processor = GroundingDinoProcessor(
            GroundingDinoImageProcessorPil.from_pretrained(folder),
            AutoTokenizer.from_pretrained(folder),
        )
        self.batch = batch

    @torch.no_grad()
    def detect(self, images: torch.Tensor, class_words: list[str]) -> list[torch.Tensor | None]:
        """The likeliest box (left, top, right, bottom), in pixels, of the object that each class
        word names in pictures [B,3,H,W] in [0,1]; None where there is none."""
        boxes = []
        for first in range(0, len(images), self.batch):
            part = slice(first, first + self.batch)
            boxes += self._detect(images[part], class_words[part])
        return boxes

    def _detect(self, images: torch.Tensor, class_words: list[str]) -> list[torch.Tensor | None]:
        asked = [phrase(word) for word in class_words]
        inputs = self.processor(
            images=to_arrays(images), text=asked, padding=True, return_tensors="pt"
        )
        words = inputs.input_ids
        output = self.model(**inputs.to(device()))
        output.logits, output.pred_boxes = output.logits.cpu(), output.pred_boxes.cpu()
        found = self.processor.post_process_grounded_object_detection(
            output,
            words,
            threshold=BOX_THRESHOLD,
            text_threshold=TEXT_THRESHOLD,
            target_sizes=[tuple(images.shape[-2:])] * len(images),
        )
        return [best(boxes) for boxes in found]


def phrase(class_word: str) -> str:
    """What Grounding DINO is asked for a class word: lower case, an article, a full stop."""
    return f"a {class_word.lower().replace('.', ' ').strip()}."


def best(found: dict) -> torch.Tensor | None:
    """The likeliest box that is called by more than the article and the full stop.

    Args:
        found: scores [K], boxes [K,4] and text_labels (K words) of one picture.
    """
    named = [
        row
        for row, label in enumerate(found["text_labels"])
        if set(label.replace(".", " ").split()) - {"a"}
    ]
    if not named:
        return None
    return found["boxes"][max(named, key=lambda row: float(found["scores"][row]))]
