"""Painted floors and skies of the eight backgrounds, as one table of texels with mip levels.

A floor is a periodic tile of `TILE` world units, a sky a panorama of which one picture sees a
part. Both are painted once per process from fixed seeds, so a texel never changes.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from toffee.data.world.vocabulary import BACKGROUNDS

TILE = 4.0
SIDE = 256
LEVELS = 6
SKY_WIDTH, SKY_HEIGHT = 256, 64


class Grounds(NamedTuple):
    """Texels [3,M] in [0,1]; `floor` [8, LEVELS] and `sky` [8] are first texels in the table."""

    texels: Tensor
    floor: Tensor
    sky: Tensor


def _noise(rng: np.random.Generator, cells: int | tuple[int, int], shape=(SIDE, SIDE)):
    """Periodic smooth noise in [0,1] with `cells` (rows, columns) random values per tile."""
    rows, columns = (cells, cells) if isinstance(cells, int) else cells
    grid = rng.random((rows, columns))

    def axis(size: int, count: int):
        at = np.arange(size) * count / size
        low = at.astype(int)
        share = at - low
        share = share * share * (3 - 2 * share)
        return low % count, (low + 1) % count, share

    r0, r1, rs = axis(shape[0], rows)
    c0, c1, cs = axis(shape[1], columns)
    top = grid[r0][:, c0] * (1 - cs) + grid[r0][:, c1] * cs
    bottom = grid[r1][:, c0] * (1 - cs) + grid[r1][:, c1] * cs
    return top * (1 - rs[:, None]) + bottom * rs[:, None]


def _mix(low, high, share):
    """Colours [3] in 0..255 mixed by `share` [H,W] -> [H,W,3] in 0..1."""
    low, high = np.asarray(low, float) / 255, np.asarray(high, float) / 255
    return low + (high - low) * share[..., None]


def _grid():
    at = (np.arange(SIDE) + 0.5) / SIDE
    return np.meshgrid(at, at, indexing="ij")


def _grass(rng):
    blades = _noise(rng, (48, 96)) * 0.5 + _noise(rng, (24, 48)) * 0.5
    patch = _noise(rng, 6)
    image = _mix((42, 104, 26), (124, 186, 56), np.clip(blades * 0.8 + patch * 0.4 - 0.1, 0, 1))
    return image


def _sand(rng):
    y, x = _grid()
    warp = _noise(rng, 4) * 0.16 + _noise(rng, 9) * 0.04
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (7 * (y + warp) + x))
    share = 0.75 * wave + 0.25 * _noise(rng, 64)
    return _mix((206, 166, 104), (244, 216, 158), share)


def _snow(rng):
    share = 0.6 * _noise(rng, 5) + 0.3 * _noise(rng, 12) + 0.1 * _noise(rng, 64)
    return _mix((196, 210, 232), (255, 255, 255), np.clip((share - 0.2) * 1.7, 0, 1))


def _brick(rng):
    y, x = _grid()
    rows, columns = 10, 5
    row = np.floor(y * rows).astype(int)
    shifted = x * columns + 0.5 * (row % 2)
    column = np.floor(shifted).astype(int) % columns
    tone = rng.random((rows, columns))[row, column]
    image = _mix((150, 58, 42), (196, 92, 66), 0.7 * tone + 0.3 * _noise(rng, 48))
    edge = (np.minimum(y * rows % 1, 1 - y * rows % 1) < 0.09) | (
        np.minimum(shifted % 1, 1 - shifted % 1) < 0.05
    )
    image[edge] = np.array((208, 196, 180)) / 255
    return image


def _wood(rng):
    y, _ = _grid()
    planks = 6
    plank = np.floor(y * planks).astype(int)
    grain = np.empty((SIDE, SIDE))
    for index in range(planks):
        streak = 0.6 * _noise(rng, (40, 3)) + 0.4 * _noise(rng, (90, 6))
        grain = np.where(plank == index, streak, grain)
    tone = rng.random(planks)[plank]
    image = _mix((112, 68, 30), (182, 124, 66), 0.55 * grain + 0.45 * tone)
    image[np.minimum(y * planks % 1, 1 - y * planks % 1) < 0.05] = np.array((58, 32, 14)) / 255
    return image


def _night(rng):
    image = _mix((34, 42, 88), (68, 80, 146), 0.7 * _noise(rng, 6) + 0.3 * _noise(rng, 40))
    return image


def _water(rng):
    y, x = _grid()
    warp = 0.1 * _noise(rng, 5) + 0.06 * _noise(rng, 11)
    wave = np.sin(2 * np.pi * (6 * (y + warp) - x)) + np.sin(2 * np.pi * (5 * (x + warp) + 4 * y))
    share = 0.5 + 0.25 * wave
    image = _mix((14, 92, 140), (54, 156, 192), share)
    glint = np.clip((share - 0.86) * 9, 0, 1)[..., None]
    return image * (1 - glint) + np.array((206, 240, 246)) / 255 * glint


def _rug(rng):
    y, x = _grid()
    u, v = x * 6, y * 6
    diamond = np.abs(u % 1 - 0.5) + np.abs(v % 1 - 0.5)
    image = _mix((104, 40, 118), (128, 56, 140), _noise(rng, 64))
    image[diamond < 0.34] = np.array((206, 166, 210)) / 255
    image[diamond < 0.2] = np.array((138, 46, 124)) / 255
    return image


_FLOORS = {
    "grass": _grass,
    "sand": _sand,
    "snow": _snow,
    "brick": _brick,
    "wood": _wood,
    "night": _night,
    "water": _water,
    "rug": _rug,
}


def _sky(name: str, rng) -> np.ndarray:
    """Panorama [SKY_HEIGHT, SKY_WIDTH, 3]; row 0 is the horizon."""
    shape = (SKY_HEIGHT, SKY_WIDTH)
    height = (np.arange(SKY_HEIGHT) / SKY_HEIGHT)[:, None] + np.zeros(shape)
    clouds = 0.6 * _noise(rng, (5, 16), shape) + 0.4 * _noise(rng, (11, 40), shape)
    clouds = np.clip((clouds - 0.5) * 4, 0, 1)
    ridge = 0.7 * _noise(rng, (1, 11), shape) + 0.3 * _noise(rng, (1, 37), shape)
    if name in ("grass", "sand", "water", "snow"):
        zenith, haze = {"snow": ((150, 176, 212), (214, 226, 240))}.get(
            name, ((84, 152, 232), (196, 224, 246))
        )
        image = _mix(haze, zenith, np.clip(height * 1.6, 0, 1))
        image += (1 - image) * 0.75 * clouds[..., None]
        if name in ("grass", "snow"):
            far = {"grass": (86, 138, 92), "snow": (168, 184, 212)}[name]
            image[height < 0.05 + 0.22 * ridge] = np.array(far) / 255
        return image
    if name == "night":
        image = _mix((34, 38, 84), (8, 10, 32), np.clip(height * 1.8, 0, 1))
        image[rng.random(shape) > 0.982] = 0.95
        return image
    wall = {
        "brick": ((150, 152, 156), (182, 184, 188)),
        "wood": ((228, 216, 192), (240, 230, 210)),
        "rug": ((196, 206, 196), (216, 224, 214)),
    }[name]
    image = _mix(*wall, np.clip(height * 1.5, 0, 1))
    if name == "wood":
        image[height < 0.07] = np.array((250, 248, 242)) / 255
    if name == "brick":
        image[(height * 16) % 1 < 0.09] *= 0.86
    if name == "rug":
        column = np.arange(SKY_WIDTH)[None, :] + np.zeros(shape)
        image[(column % 16) < 6] *= 0.93
        image[height < 0.06] = np.array((120, 96, 84)) / 255
    return image


@cache
def grounds() -> Grounds:
    """The table of all floors (with mip levels) and skies."""
    texels, floors, skies = [], [], []
    count = 0

    def add(image: np.ndarray) -> int:
        nonlocal count
        texels.append(np.clip(image, 0, 1).reshape(-1, 3))
        count += len(texels[-1])
        return count - len(texels[-1])

    for index, name in enumerate(BACKGROUNDS):
        rng = np.random.default_rng(7919 + index)
        image = _FLOORS[name](rng)
        starts = []
        for _ in range(LEVELS):
            starts.append(add(image))
            side = len(image) // 2
            image = image.reshape(side, 2, side, 2, 3).mean(axis=(1, 3))
        floors.append(starts)
        skies.append(add(_sky(name, rng)))
    return Grounds(
        torch.from_numpy(np.concatenate(texels).astype(np.float32)).t().contiguous(),
        torch.tensor(floors),
        torch.tensor(skies),
    )
