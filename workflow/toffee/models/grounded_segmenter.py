"""Masks of subjects by Grounded SAM: a box from a class word, a mask from the box."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from transformers import SamImageProcessorPil, SamModel, SamProcessor

from toffee.data.loaders.images import to_arrays
from toffee.models.detector import Detector
from toffee.models.load import load_model
from toffee.runtime.compute import compute, computing, mixed, prepare
from toffee.runtime.device import device


class GroundedSegmenter:
    """A frozen SAM (arXiv 2304.02643), prompted with the detector's box.

    Source: Grounded SAM, arXiv 2401.14159.
    """

    def __init__(self, folder: str | Path, detector: Detector, batch: int = 4) -> None:
        # The box is given in coordinates, which half precision would move by pixels. Nearly all of
        # the work is its view of the picture, which comes before.
        with computing(replace(compute(), dtype="float32")):
            self.model = prepare(load_model(SamModel, folder))
        self.see = mixed if compute().dtype == "bfloat16" else nullcontext
        self.processor = SamProcessor(SamImageProcessorPil.from_pretrained(folder))
        self.detector = detector
        self.batch = batch

    def segment(self, images: torch.Tensor, class_words: list[str]) -> torch.Tensor:
        """Masks bool [B,H,W] of the object that each class word names.

        Of the masks that SAM proposes for the box the one of the highest predicted overlap is
        taken. A word that the detector does not find has an empty mask.
        """
        boxes = self.detector.detect(images, class_words)
        masks = torch.zeros(len(images), *images.shape[-2:], dtype=torch.bool)
        found = [(row, box) for row, box in enumerate(boxes) if box is not None]
        for first in range(0, len(found), self.batch):
            some = [row for row, _ in found[first : first + self.batch]]
            around = [box for _, box in found[first : first + self.batch]]
            masks[some] = self._inside(images[some], around)
        return masks

    @torch.no_grad()
    def _inside(self, images: torch.Tensor, boxes: list[torch.Tensor]) -> torch.Tensor:
        """The best mask, bool [B,H,W], of what each picture's box (pixels) holds."""
        inputs = self.processor(
            images=to_arrays(images),
            input_boxes=[[box.tolist()] for box in boxes],
            return_tensors="pt",
        )
        with self.see():
            seen = self.model.get_image_embeddings(inputs.pixel_values.to(device()))
        output = self.model(
            image_embeddings=seen.float(),
            input_boxes=inputs.input_boxes.float().to(device()),
            multimask_output=True,
        )
        best = output.iou_scores[:, 0].argmax(1)
        chosen = output.pred_masks[torch.arange(len(images)), 0, best.cpu()].cpu()
        masks = self.processor.post_process_masks(
            list(chosen[:, None, None]), inputs.original_sizes, inputs.reshaped_input_sizes
        )
        return torch.cat(masks)[:, 0]
