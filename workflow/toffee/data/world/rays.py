"""Rays through pixels, and where points and boxes fall in the picture."""

from __future__ import annotations

import torch
from torch import Tensor

from toffee.data.world.batch import Batch
from toffee.data.world.shapes import INTERSECT, Triple, triple

_CORNERS = torch.tensor(
    [[[1.0, -1.0][i >> k & 1] for i in range(8)] for k in range(3)], dtype=torch.float32
)[:, None]


def ray_directions(batch: Batch, columns: Tensor, rows: Tensor, side: int) -> Triple:
    """World directions [B,H*W], forward component 1, through pixel centres of a side x side grid.

    columns: [B or 1,W]; rows: [B or 1,H].
    """
    x = ((columns + 0.5) * (2.0 / side) - 1.0 - batch.principal[0]) / batch.focal
    y = (1.0 - (rows + 0.5) * (2.0 / side) + batch.principal[1]) / batch.focal
    return triple(
        ((forward + x * right)[:, None] + (y * up)[:, :, None]).flatten(1)
        for forward, right, up in zip(batch.forward, batch.right, batch.up, strict=True)
    )


def intersect_part(batch: Batch, index: int, origin: Triple, direction: Triple) -> Tensor:
    """Ray parameters [B,R] at which rays enter part `index`, FAR where they miss it."""
    shape, order, centre, half, taper = batch.part(index)
    local = triple((origin[k] - c) / h for k, c, h in zip(order, centre, half, strict=True))
    speed = triple(direction[k] / h for k, h in zip(order, half, strict=True))
    return INTERSECT[shape](local, speed, taper)


def part_corners(batch: Batch, index: int) -> Triple:
    """Corners of part `index`'s box, world x, y, z, each [B,8]."""
    _, order, centre, half, _ = batch.part(index)
    corners = {k: c + h * _CORNERS[k] for k, c, h in zip(order, centre, half, strict=True)}
    return corners[0], corners[1], corners[2]


def project(batch: Batch, points: Triple) -> tuple[Tensor, Tensor, Tensor]:
    """Columns and rows of points in half pictures from the left and top, and their distance."""
    away = [p - c for p, c in zip(points, batch.position, strict=True)]
    x, y, ahead = (
        sum_in_order([a * b for a, b in zip(away, axis, strict=True)])
        for axis in (batch.right, batch.up, batch.forward)
    )
    columns = batch.focal * x / ahead + batch.principal[0] + 1.0
    return columns, 1.0 - batch.focal * y / ahead + batch.principal[1], ahead


def window_around(seen: Tensor, start: Tensor, extent: int, side: int) -> tuple[Tensor, int]:
    """First place [B,1] and common length, within crops, of a window around all of `seen`."""
    places = seen * (side / 2) - start
    first = (places.amin(1, keepdim=True).floor() - 2).clamp(0, extent)
    end = (places.amax(1, keepdim=True).ceil() + 2).clamp(0, extent)
    length = int((end - first).max())
    return torch.minimum(first.long(), torch.tensor(extent - length)), length


def flat_indices(
    column: Tensor, width: int, row: Tensor, height: int, wide: int, tall: int
) -> Tensor:
    """Flat indices into [B,tall*wide] of windows that start at column, row [B,1]."""
    rows = torch.arange(len(row))[:, None] * tall + row + torch.arange(height)
    columns = column + torch.arange(width)
    return ((rows * wide)[:, :, None] + columns[:, None]).flatten()


def sum_in_order(terms: list[Tensor]) -> Tensor:
    """Sum in the given order."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
