"""The shadow of a subject on the floor."""

from __future__ import annotations

import torch
from torch import Tensor

from toffee.data.world.batch import Batch, per_image
from toffee.data.world.geometry import bounds
from toffee.data.world.rays import (
    flat_indices,
    intersect_part,
    part_corners,
    project,
    ray_directions,
    window_around,
)
from toffee.data.world.shapes import FAR, triple
from toffee.data.world.style import blur


def cast_shadow(batch: Batch, size: int) -> Tensor:
    """Share of the sun's light that the subject takes from the floor, [B,size,size] in [0,1]."""
    ramp = torch.arange(size, dtype=torch.float32)
    dx, dy, dz = (
        d.view(-1, size, size) for d in ray_directions(batch, ramp[None], ramp[None], size)
    )
    slope = dy[:, :, :1]  # the same all along a row
    below = slope < -1e-4
    t = torch.where(below, -batch.position[1][:, :, None] / slope, 1.0)
    x = (batch.position[0][:, :, None] + t * dx).flatten(1)
    z = (batch.position[2][:, :, None] + t * dz).flatten(1)
    below = below.expand(-1, -1, size).flatten(1)
    direction = triple(s + 1e-7 for s in batch.sun)
    ground = torch.full_like(batch.reach, 1e-3)
    near = below & (x * x + z * z < 36.0)
    dark = torch.zeros(x.shape, dtype=torch.bool)
    for index in range(len(batch.parts[0])):
        at = _shadow_window(batch, index, size)
        here = [x, z] if at is None else [c.view(-1).index_select(0, at) for c in (x, z)]
        here = [c.view(len(x), -1) for c in here]
        t = intersect_part(batch, index, (here[0], ground, here[1]), direction)
        hit = (t > 1e-3) & (t < FAR)
        if at is None:
            dark |= hit
        elif len(at):
            hit = hit.view(-1) | dark.view(-1).index_select(0, at)
            dark.view(-1).index_copy_(0, at, hit)
    hit = (near & dark).float()
    contact = torch.where(below, _contact(batch, x, z), 0.0)
    blurred = blur(hit.view(-1, size, size), max(1, size // 64))
    return torch.maximum(blurred * 0.85, 0.7 * contact.view(-1, size, size))


def _contact(batch: Batch, x: Tensor, z: Tensor) -> Tensor:
    """How much of the sky's light is missing under and right beside the subject, in [0,1]."""
    boxes = [bounds(parts) for parts in batch.parts]
    class_word = batch.subjects[0].class_word
    round_base = class_word in ("ball", "mug", "tree", "snowman")
    hx = per_image([0.5 * (b[1][0] - b[0][0]) if not round_base else b[1][2] for b in boxes])
    hz = per_image([b[1][2] for b in boxes])
    if class_word == "tree":
        hx, hz = hx * 0.55, hz * 0.55
    if round_base:
        gap = (x * x + z * z).sqrt() - hx * 0.8
    else:
        ex, ez = (x.abs() - hx).clamp(min=0), (z.abs() - hz).clamp(min=0)
        gap = (ex * ex + ez * ez).sqrt()
    contact = (1.0 - gap / 0.35).clamp(0, 1)
    return contact * contact


def _shadow_window(batch: Batch, index: int, size: int) -> Tensor | None:
    """Flat pixels of [B,size*size] that the shadow of part `index` may reach; None for all."""
    corners = part_corners(batch, index)
    drop = corners[1] / batch.sun[1]
    columns, rows, ahead = project(
        batch, triple(corners[k] - drop * batch.sun[k] for k in range(3))
    )
    if float(ahead.min()) < 0.2:  # A shadow that runs past the camera.
        return None
    start = torch.zeros(1, 1)
    column, width = window_around(columns, start, size, size)
    row, height = window_around(rows, start, size, size)
    if width * height > 0.6 * size * size:
        return None
    return flat_indices(column, width, row, height, size, size)
