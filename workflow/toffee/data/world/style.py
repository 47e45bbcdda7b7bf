"""Sketches and cartoons, drawn over rendered photographs."""

from __future__ import annotations

import torch
from torch import Tensor

from toffee.data.world.batch import Batch


def apply_styles(batch: Batch, image: Tensor, code: Tensor, size: int) -> Tensor:
    """Draw sketches and cartoons over their photographs; image [3,B,S,S] at twice the size."""
    width = max(2, round(2 * size / 64))
    inside = code > 0
    for style in ("sketch", "cartoon"):
        chosen = [i for i, scene in enumerate(batch.scenes) if scene.style == style]
        if not chosen:
            continue
        at = torch.tensor(chosen)
        lines = _edge_lines(code[at], width)
        picture = image[:, at]
        grey = picture[0] * 0.3 + picture[1] * 0.59 + picture[2] * 0.11
        if style == "cartoon":
            # Posterised by brightness, so that hues stay.
            steps = ((grey * 7.0 + 0.5).floor().clamp(min=1.0) / 7.0) / grey.clamp(min=1e-3)
            flat = (picture * torch.where(inside[at], 1.0, steps)).clamp(0, 1)
            image[:, at] = torch.where(lines, 0.04, flat)
            continue
        soft = blur(grey, 1)
        dx, dy = torch.zeros_like(soft), torch.zeros_like(soft)
        dx[:, :, 1:-1] = soft[:, :, 2:] - soft[:, :, :-2]
        dy[:, 1:-1] = soft[:, 2:] - soft[:, :-2]
        stroke = ((dx * dx + dy * dy).sqrt() * 2.6 - 0.05).clamp(0, 0.8)
        paper = 0.40 + 0.58 * grey
        grey = torch.where(lines, 0.1, paper * (1.0 - stroke)).clamp(0, 1)
        image[:, at] = grey.expand(3, *grey.shape)
    return image


def _edge_lines(code: Tensor, width: int) -> Tensor:
    """Where the edge code [B,H,W] changes, `width` pixels wide; bool [B,H,W]."""
    edge = torch.zeros(code.shape, dtype=torch.bool)
    edge[:, 1:] |= code[:, 1:] != code[:, :-1]
    edge[:, :, 1:] |= code[:, :, 1:] != code[:, :, :-1]
    for _ in range(width - 1):
        wide = edge.clone()
        wide[:, :-1] |= edge[:, 1:]
        wide[:, :, :-1] |= edge[:, :, 1:]
        edge = wide
    return edge


def blur(image: Tensor, times: int) -> Tensor:
    """Binomial blur of [B,H,W] with the border repeated."""
    for _ in range(times):
        for axis in (1, 2):
            first, last = image.narrow(axis, 0, 1), image.narrow(axis, image.shape[axis] - 1, 1)
            wide = torch.cat([first, image, last], axis)
            n = image.shape[axis]
            image = 0.25 * wide.narrow(axis, 0, n) + 0.5 * image + 0.25 * wide.narrow(axis, 2, n)
    return image
