"""Depth of pictures, as the ControlNet and the View Generator are conditioned on it."""

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForDepthEstimation

from toffee.models.load import load_model
from toffee.models.preprocess import Preprocessing
from toffee.runtime.compute import prepare
from toffee.runtime.device import device


def normalise(depth: torch.Tensor) -> torch.Tensor:
    """Stretch each map [B,H,W] to [0,1]: farthest 0, nearest 1. A flat map becomes 0.

    Estimators give depth up to an unknown scale and shift; so the scale never matters.
    """
    low, high = depth.amin((1, 2), keepdim=True), depth.amax((1, 2), keepdim=True)
    return (depth - low) / (high - low).clamp(min=1e-6)


class DepthEstimator:
    """A frozen estimator of relative inverse depth (transformers' depth estimation classes)."""

    def __init__(self, folder: str | Path, batch: int = 64) -> None:
        self.model = prepare(load_model(AutoModelForDepthEstimation, folder))
        self.preprocessing = Preprocessing.read(folder)
        self.batch = batch

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised depth [B,H,W] in [0,1], 1 nearest, of pictures [B,3,H,W]."""
        parts = []
        for part in images.split(self.batch):
            depth = self.model(self.preprocessing.whole(part).to(device())).predicted_depth
            if depth.shape[-2:] != images.shape[-2:]:
                # as transformers' processors bring it back to the picture's size
                depth = F.interpolate(depth[:, None], images.shape[-2:], mode="bicubic")[:, 0]
            parts.append(normalise(depth).cpu())
        return torch.cat(parts)
