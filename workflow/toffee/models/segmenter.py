"""Masks of subjects from class words: what a segmenter does, and which one a folder holds."""

from pathlib import Path
from typing import Protocol

import torch

from toffee.models.detector import Detector
from toffee.models.grounded_segmenter import GroundedSegmenter
from toffee.models.load import model_type
from toffee.models.semantic_segmenter import SemanticSegmenter
from toffee.runtime.errors import ToffeeError

PROMPTED = "sam"
"""`model_type` of the segmenters that know no words and are prompted with a box."""


class Segmenter(Protocol):
    """Finds objects by their class words."""

    def segment(self, images: torch.Tensor, class_words: list[str]) -> torch.Tensor:
        """Masks bool [B,H,W], on the CPU, of the object that each class word names in pictures
        [B,3,H,W] in [0,1]; empty where it is not found."""


def load_segmenter(folder: str | Path, detector: str | Path | None = None) -> Segmenter:
    """The segmenter of a model folder.

    Args:
        folder: a semantic segmenter, or a SAM (see its config.json).
        detector: what finds the box that a SAM is prompted with; others do without.

    Raises:
        ToffeeError: the folder has no config, or holds a SAM and no detector is given.
    """
    kind = model_type(folder)
    if kind != PROMPTED:
        return SemanticSegmenter(Path(folder))
    if detector is None:
        raise ToffeeError(
            f"{folder}: model_type {kind} is prompted with boxes; "
            "expected a model for role detector"
        )
    return GroundedSegmenter(Path(folder), Detector(Path(detector)))
