"""The floor and the sky behind a subject, without its shadow."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from toffee.data.world.batch import Batch, per_image
from toffee.data.world.camera import FIELD_OF_VIEW
from toffee.data.world.grounds import LEVELS, SIDE, SKY_HEIGHT, SKY_WIDTH, TILE, grounds
from toffee.data.world.vocabulary import BACKGROUNDS

_SIDE_BITS = SIDE.bit_length() - 1


class _Rows(NamedTuple):
    """What the rays of a row share, [B,side].

    dx, dy, dz: direction of the row's middle. below: whether it meets the floor. t: where.
    """

    dx: Tensor
    dy: Tensor
    dz: Tensor
    below: Tensor
    t: Tensor


def draw_background(batch: Batch, side: int) -> tuple[Tensor, Tensor]:
    """Colours [3,B,side,side] without shadow, and whether a row shows the floor, bool [B,side].

    The camera never rolls, so a row's rays share their slope: distance, mip level and haze are
    found per row, and a ray's place on the floor is linear in its column.
    """
    names = list(BACKGROUNDS)
    kind = torch.tensor([names.index(s.background) for s in batch.scenes])
    ramp = torch.arange(side, dtype=torch.float32)[None]
    lift = (1.0 - (ramp + 0.5) * (2.0 / side) + batch.principal[1]) / batch.focal
    dx, dy, dz = (batch.forward[k] + lift * batch.up[k] for k in range(3))
    below = dy < -1e-4
    t = torch.where(below, -batch.position[1] / dy, 1.0).clamp(max=2e3)
    rows = _Rows(dx, dy, dz, below, t)
    height = dy / (dx * dx + dz * dz).sqrt()
    floor, sky = _floor_texels(batch, kind, rows, ramp), _sky_texels(batch, kind, height, ramp)
    index = torch.where(below[:, :, None], floor, sky).view(-1)
    haze = (1.0 - height.clamp(0, 0.5) * 2.0) * batch.glow_share
    far = ((t - 12.0) / 30.0).clamp(0, 1) * 0.5 * batch.glow_share
    haze = torch.where(below, far, haze)[:, :, None]
    shape = (len(batch.scenes), side, side)
    colours = []
    for k in range(3):
        plain = torch.index_select(grounds().texels[k], 0, index).view(shape)
        keep = batch.floor_tint[k][:, :, None] * (1.0 - haze)
        colours.append(plain * keep + batch.glow[k][:, :, None] * haze)
    return torch.stack(colours), below


def _floor_texels(batch: Batch, kind: Tensor, rows: _Rows, ramp: Tensor) -> Tensor:
    """The texel of the floor under every pixel, int [B,side,side]."""
    turns, shifts = [], []
    for scene in batch.scenes:
        seed = scene.background_seed
        turn = 2 * math.pi * ((seed * 0.6180339887) % 1.0)
        turns.append((math.cos(turn), math.sin(turn)))
        shifts.append(((seed * 0.7548776662) % 1.0 * SIDE, (seed * 0.5698402909) % 1.0 * SIDE))
    cosine, sine = (per_image([t[k] for t in turns]) for k in range(2))
    t, scale, side = rows.t, SIDE / TILE, ramp.shape[1]
    x, z = batch.position[0] + t * rows.dx, batch.position[2] + t * rows.dz
    u = (x * cosine - z * sine) * scale + per_image([s[0] for s in shifts])
    v = (x * sine + z * cosine) * scale + per_image([s[1] for s in shifts])
    du = t * (batch.right[0] * cosine - batch.right[2] * sine) * scale
    dv = t * (batch.right[0] * sine + batch.right[2] * cosine) * scale
    # Footprint of a ray in texels: geometric mean of its short and long side on the floor.
    pixel = 2.0 / side / batch.focal * scale
    footprint = t * pixel * (t / batch.position[1]).clamp(min=1.0).sqrt()
    coarse = per_image([1.0 if s.style == "cartoon" else 0.0 for s in batch.scenes])
    footprint = footprint * (1.0 + 3.0 * coarse)
    level = torch.zeros(t.shape, dtype=torch.int32)
    for k in range(LEVELS - 1):
        level += footprint > 1.5 * 2.0**k
    start = grounds().floor[kind].gather(1, level.long()).int()[:, :, None]
    level = level[:, :, None]
    across = (((ramp + 0.5) * (2.0 / side) - 1.0 - batch.principal[0]) / batch.focal)[:, None]
    ui = (u[:, :, None] + du[:, :, None] * across).floor().int() & (SIDE - 1)
    vi = (v[:, :, None] + dv[:, :, None] * across).floor().int() & (SIDE - 1)
    return start + ((vi >> level) << (_SIDE_BITS - level)) + (ui >> level)


def _sky_texels(batch: Batch, kind: Tensor, height: Tensor, ramp: Tensor) -> Tensor:
    """The texel of the sky behind every pixel, int [B,side,side]: it turns with the camera."""
    starts = [(s.background_seed * 0.8191725134) % 1.0 for s in batch.scenes]
    first = per_image([s.azimuth / 360.0 + a for s, a in zip(batch.scenes, starts, strict=True)])
    turn = ((ramp + 0.5) * (2.0 / ramp.shape[1]) - 1.0) * (FIELD_OF_VIEW / 720.0) - first
    su = (turn * SKY_WIDTH).floor().int() & (SKY_WIDTH - 1)
    sv = (height * (SKY_HEIGHT / 0.4)).int().clamp(0, SKY_HEIGHT - 1)
    sky = grounds().sky[kind].int()[:, None] + sv * SKY_WIDTH
    return sky[:, :, None] + su[:, None]
