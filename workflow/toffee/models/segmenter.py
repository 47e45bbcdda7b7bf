"""Masks of subjects from class words."""

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForSemanticSegmentation

from toffee.errors import ToffeeError
from toffee.models.preprocess import Preprocessing


class Segmenter:
    """A frozen semantic segmenter whose labels are class words."""

    def __init__(self, folder: Path, batch: int = 64) -> None:
        self.folder = Path(folder)
        self.model = AutoModelForSemanticSegmentation.from_pretrained(
            folder, dtype=torch.float32
        ).eval()
        self.preprocessing = Preprocessing.read(folder)
        self.labels = {word: int(index) for index, word in self.model.config.id2label.items()}
        self.batch = batch

    @torch.no_grad()
    def segment(self, images: torch.Tensor, class_words: list[str]) -> torch.Tensor:
        """Masks bool [B,H,W] of the object that each class word names.

        The background is the label with index 0. A pixel belongs to the subject where the class
        word is likelier than the background; other classes do not compete, since the word says what
        to look for. A subject that is not found has an empty mask.

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
            logits = self.model(self.preprocessing.whole(part)).logits
            logits = F.interpolate(logits, images.shape[-2:], mode="bilinear", align_corners=False)
            subject = logits.gather(1, label[:, None, None, None].expand(-1, 1, *logits.shape[2:]))
            masks.append(subject[:, 0] > logits[:, 0])
        return torch.cat(masks)
