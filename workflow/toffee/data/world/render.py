"""Ray casting of subjects in scenes: RGB, depth, mask and canonical surface points.

Every pixel is computed by exactly rounded arithmetic from its own image's subject and scene, so an
image's bytes depend neither on the images beside it nor on the chunk that it is drawn in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from toffee.data.world.background import draw_background
from toffee.data.world.batch import Batch, per_image
from toffee.data.world.rays import (
    flat_indices,
    intersect_part,
    part_corners,
    project,
    ray_directions,
    sum_in_order,
    window_around,
)
from toffee.data.world.shade import shade_part
from toffee.data.world.shadow import cast_shadow
from toffee.data.world.shapes import FAR, Triple
from toffee.data.world.style import apply_styles
from toffee.data.world.subject import Scene, Subject
from toffee.data.world.vocabulary import LIGHTS, STYLES

DEPTH_RANGE = 1.5
"""World units before and behind the subject's centre that depth 1 and 0.2 stand for."""

_CHUNK_RAYS = 400_000


class Renders(NamedTuple):
    """A batch of images.

    rgb: uint8 [B,H,W,3].
    depth: float32 [B,H,W] in [0,1]; 0 off the subject (floor and sky), else in [0.2,1] with
        1 nearest, on a fixed world scale: 0.6 at the subject's centre, 0.4 per `DEPTH_RANGE`
        world units. So depth alone shows the outline and the shape.
    mask: bool [B,H,W], the subject's pixels (at least half covered).
    points: float32 [B,H,W,3], canonical coordinates in [-1,1] of the nearest surface point seen in
        a pixel, in the frame of the class's mean shape (see `geometry`); 0 off the subject.
    """

    rgb: Tensor
    depth: Tensor
    mask: Tensor
    points: Tensor


def render(subjects: Sequence[Subject], scenes: Sequence[Scene], size: int = 64) -> Renders:
    """Render `subjects[i]` in `scenes[i]` at size x size pixels, 2 x 2 rays per pixel.

    Raises ValueError if the two sequences differ in length or are empty.
    """
    if len(subjects) != len(scenes) or not subjects:
        raise ValueError(f"{len(subjects)} subjects and {len(scenes)} scenes: expected equal, > 0")
    for scene in scenes:
        if scene.style not in STYLES or scene.light not in LIGHTS:
            raise ValueError(f"unknown style {scene.style!r} or light {scene.light!r}")
    out = _blank(len(subjects), size)
    chunk = max(1, _CHUNK_RAYS // (4 * size * size))
    by_class: dict[str, list[int]] = {}
    for index, subject in enumerate(subjects):
        by_class.setdefault(subject.class_word, []).append(index)
    with torch.no_grad():
        for indices in by_class.values():
            for start in range(0, len(indices), chunk):
                some = indices[start : start + chunk]
                drawn = _render_class([subjects[i] for i in some], [scenes[i] for i in some], size)
                for whole, piece in zip(out, drawn, strict=True):
                    whole[some] = piece
    return out


def _render_class(subjects: Sequence[Subject], scenes: Sequence[Scene], size: int) -> Renders:
    """Render images whose subjects are of one class."""
    batch = Batch(subjects, scenes)
    count, side = len(subjects), 2 * size
    canvas = _ground(batch, size).view(3, -1)
    first, top, wide, tall = _crop(batch, side)
    columns, rows = first + torch.arange(wide), top + torch.arange(tall)
    direction = ray_directions(batch, columns.float(), rows.float(), side)
    t, which = _trace(batch, direction, first, top, wide, tall, side)
    rows = (torch.arange(count)[:, None] * side + rows) * side
    target = (rows[:, :, None] + columns[:, None]).view(-1)
    points = torch.zeros(3, count * wide * tall)
    code = torch.zeros(count * wide * tall, dtype=torch.int32)
    for part in range(len(batch.parts[0])):
        hits = (which.view(-1) == part).nonzero()[:, 0]
        if not len(hits):
            continue
        shaded, place, edge = shade_part(batch, hits, part, wide * tall, t, direction)
        at = target.index_select(0, hits)
        for k in range(3):
            canvas[k].index_copy_(0, at, shaded[k])
            points[k].index_copy_(0, hits, place[k])
        code.index_copy_(0, hits, edge)
    canvas = canvas.clamp_(0, 1).view(3, count, side, side)
    if any(scene.style != "photo" for scene in scenes):
        whole = torch.zeros(count * side * side, dtype=torch.int32).index_copy_(0, target, code)
        canvas = apply_styles(batch, canvas, whole.view(count, side, side), size)

    rgb = sum_in_order(_quarters(canvas)) * 0.25
    crop = (count, tall, wide)
    mask = sum_in_order([q.int() for q in _quarters((code > 0).view(crop))]) >= 2
    near, seen = _nearest(_quarters(t.view(crop)), _quarters(points.view(3, *crop)))
    level = 0.6 + (batch.reach[:, :, None] - near) * (0.4 / DEPTH_RANGE)
    level = torch.where(mask, level.clamp(0.2, 1.0), 0.0)
    seen = torch.where(mask, seen, 0.0).permute(1, 2, 3, 0)
    out = _blank(count, size)
    for i, (column, row) in enumerate(zip(first[:, 0].tolist(), top[:, 0].tolist(), strict=True)):
        pixels = (i, slice(row // 2, (row + tall) // 2), slice(column // 2, (column + wide) // 2))
        out.depth[pixels], out.mask[pixels], out.points[pixels] = level[i], mask[i], seen[i]
    return out._replace(rgb=(rgb * 255.0 + 0.5).to(torch.uint8).permute(1, 2, 3, 0))


def _ground(batch: Batch, size: int) -> Tensor:
    """Colours of floor and sky under the subjects' shadows, [3,B,2*size,2*size]."""
    canvas, below = draw_background(batch, 2 * size)
    strength = per_image([0.35 if s.background == "night" else 0.55 for s in batch.scenes])
    dark = 1.0 - strength[:, :, None] * cast_shadow(batch, size)
    dark = dark.repeat_interleave(2, 1).repeat_interleave(2, 2)
    canvas *= torch.where(below[:, :, None], dark, 1.0)
    return canvas


def _nearest(distances: list[Tensor], points: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The smallest distance of a pixel's rays, and the point of that ray."""
    near, seen = distances[0], points[0]
    for distance, point in zip(distances[1:], points[1:], strict=True):
        closer = distance < near
        near, seen = torch.where(closer, distance, near), torch.where(closer, point, seen)
    return near, seen


def _trace(
    batch: Batch,
    direction: Triple,
    left: Tensor,
    top: Tensor,
    wide: int,
    tall: int,
    side: int,
) -> tuple[Tensor, Tensor]:
    """Nearest hit seen by the camera: ray parameter [B,R] (or FAR), part int8 [B,R] (or -1).

    Rays are tested against a small part only in a window around it.
    """
    best = torch.full_like(direction[0], FAR)
    which = torch.full(best.shape, -1, dtype=torch.int8)
    for index in range(len(batch.parts[0])):
        columns, rows, _ = project(batch, part_corners(batch, index))
        column, width = window_around(columns, left, wide, side)
        row, height = window_around(rows, top, tall, side)
        if not width * height:
            continue
        if width * height > 0.6 * wide * tall:
            t = intersect_part(batch, index, batch.position, direction)
            which.masked_fill_(t < best, index)
            best = torch.minimum(best, t)
            continue
        columns, rows = column + torch.arange(width), row + torch.arange(height)
        rays = ray_directions(batch, (left + columns).float(), (top + rows).float(), side)
        t = intersect_part(batch, index, batch.position, rays).view(-1)
        at = flat_indices(column, width, row, height, wide, tall)
        before = best.view(-1).index_select(0, at)
        part = which.view(-1).index_select(0, at).masked_fill_(t < before, index)
        which.view(-1).index_copy_(0, at, part)
        best.view(-1).index_copy_(0, at, torch.minimum(before, t))
    return best, which


def _crop(batch: Batch, side: int) -> tuple[Tensor, Tensor, int, int]:
    """First column and row [B,1] and common width and height of the subjects' crops, all even."""
    starts, sizes = [], []
    for axis in (0, 1):
        spans = [
            (
                (math.floor((box[2 * axis] + 1) / 2 * side) - 2) // 2 * 2,
                (math.ceil((box[2 * axis + 1] + 1) / 2 * side) + 3) // 2 * 2,
            )
            for box in batch.box
        ]
        extent = min(side, max(high - low for low, high in spans))
        sizes.append(extent)
        starts.append(torch.tensor([min(max(low, 0), side - extent) for low, _ in spans])[:, None])
    return starts[0], starts[1], sizes[0], sizes[1]


def _quarters(x: Tensor) -> list[Tensor]:
    """The four rays of each pixel, from [...,2H,2W]."""
    return [x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]


def _blank(count: int, size: int) -> Renders:
    return Renders(
        torch.zeros(count, size, size, 3, dtype=torch.uint8),
        torch.zeros(count, size, size),
        torch.zeros(count, size, size, dtype=torch.bool),
        torch.zeros(count, size, size, 3),
    )
