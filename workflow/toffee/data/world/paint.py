"""Surface colours of the parts: patterns of the body, fixed colours of wheels, doors, hats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from toffee.data.world.geometry import Part, bounds
from toffee.data.world.subject import Subject
from toffee.data.world.vocabulary import COLOURS, TEXTURES

_FIXED = {
    "trunk": (0.44, 0.28, 0.15),
    "chimney": (0.52, 0.30, 0.26),
    "carrot": (0.98, 0.52, 0.10),
    "hat": (0.12, 0.12, 0.14),
}
_GLOSS = {"body": 0.16, "cup": 0.4, "trim": 0.3, "bodywork": 0.35, "cabin": 0.3}
_PATTERNED = ("body", "torso", "foliage", "crate", "cup", "walls", "roof", "bodywork")
Colour = list[Tensor]


def _wave(x: Tensor) -> Tensor:
    return x - x.floor()


def _pattern(subjects: Sequence[Subject], image: Tensor, u: Tensor, v: Tensor, height: Tensor):
    """Share [N] of the second colour at periods u, v and relative height in [0,1]."""
    kinds = torch.tensor([TEXTURES.index(s.texture) for s in subjects], dtype=torch.int8)
    kind = kinds.index_select(0, image)
    turns = torch.tensor([s.texture_orientation for s in subjects], dtype=torch.int8)
    turn = turns.index_select(0, image)
    du = torch.tensor([s.texture_phase[0] for s in subjects]).index_select(0, image)
    dv = torch.tensor([s.texture_phase[1] for s in subjects]).index_select(0, image)
    u, v = u + du, v + dv
    across = torch.where(turn == 0, v, torch.where(turn == 1, u, u + v))
    striped = _wave(across) < 0.37
    cu, cv = _wave(u * 1.15) - 0.5, _wave(v * 1.15) - 0.5
    dotted = cu * cu + cv * cv < 0.112
    hu, hv = _wave(u * 2.0) - 0.5, _wave(v * 2.0) - 0.5
    odd = ((u * 2.0).floor() + (v * 2.0).floor()).int() & 1 == 1
    checkered = odd & (hu.abs() < 0.44) & (hv.abs() < 0.44)
    zigzag = _wave(v + (_wave(u) - 0.5).abs() * 1.3) < 0.37
    faded = ((0.58 - height) * 2.2).clamp(0, 1)
    second = torch.zeros(u.shape, dtype=torch.bool)
    for index, where in enumerate((striped, dotted, checkered, zigzag), start=1):
        second |= where & (kind == index)
    return torch.where(kind == TEXTURES.index("faded"), faded, second.float())


class Spots(NamedTuple):
    """Points on one part that are to be coloured.

    image: int64 [N], which subject each belongs to. local, half: coordinates in the unit shape's
    frame and half sizes along its axes, each three [N]. world: coordinates in the subject's frame,
    three [N]. face, u, v, turns: see `shapes.surface`.
    """

    image: Tensor
    local: tuple[Tensor, Tensor, Tensor]
    half: tuple[Tensor, Tensor, Tensor]
    world: tuple[Tensor, Tensor, Tensor]
    face: Tensor
    u: Tensor
    v: Tensor
    turns: bool


def albedo(
    paint: str,
    shape: str,
    subjects: Sequence[Subject],
    parts: Sequence[Sequence[Part]],
    index: int,
    spots: Spots,
) -> tuple[Colour, float]:
    """Colour (three [N] in [0,1]) and gloss of points on part `index`, painted as `paint` says."""
    image, local, half, world, face, u, v, turns = spots
    gloss = _GLOSS.get(paint, 0.05)
    if paint in _FIXED:
        return [torch.full_like(u, c) for c in _FIXED[paint]], gloss

    def colours(name: str) -> Colour:
        table = torch.tensor([COLOURS[getattr(s, name)] for s in subjects]) / 255.0
        return [table[:, k].contiguous().index_select(0, image) for k in range(3)]

    first = colours("colour")
    x, y, z = local
    hx, hy, hz = half

    def over(base: Colour, where: Tensor, colour) -> Colour:
        return [torch.where(where, c, b) for b, c in zip(base, colour, strict=True)]

    def scaled(base: Colour, factor) -> Colour:
        return [b * factor for b in base]

    def textured() -> Colour:
        # A tree's tiers are small and share one pattern along its height.
        fine = 0.75 if paint == "foliage" else 1.0
        period = torch.tensor([s.texture_scale * fine for s in subjects])
        scale = period.index_select(0, image)
        up = world[1] if paint == "foliage" else (z * hz if paint == "roof" else v)
        if turns:
            # A whole number of periods around, so that the pattern closes.
            radius = torch.tensor([max(p[index].half[0], p[index].half[2]) for p in parts])
            around = (6.2831853 * radius * 0.92 / period + 0.5).floor().clamp(min=3.0)
            along = u * around.index_select(0, image)
        else:
            along = u / scale
        patterned = [[q for q in p if q.paint in _PATTERNED] for p in parts]
        boxes = [bounds(some) for some in patterned]
        low = torch.tensor([b[0][1] for b in boxes]).index_select(0, image)
        high = torch.tensor([b[1][1] for b in boxes]).index_select(0, image)
        # A low part (a table's top) fades from left to right instead of upwards.
        flat = torch.tensor([p[index].half[1] < 0.15 for p in parts]).index_select(0, image)
        height = torch.where(flat, 0.5 + 0.5 * x, (world[1] - low) / (high - low))
        # Cars fade along their length; what is widest or best seen below fades at its top.
        if paint in ("bodywork", "cabin"):
            height = 0.5 + 0.5 * x
        elif paint == "foliage":
            height = 1.0 - height
        elif len(parts[0]) == 1:
            height = 1.2 - height if shape == "sphere" else 0.85 * height
        share = _pattern(subjects, image, along, up / scale, height)
        second = colours("second_colour")
        return [a + (b - a) * share for a, b in zip(first, second, strict=True)]

    if paint == "body":
        return textured(), gloss
    if paint == "foliage":
        # The tier above shades the one below, which sets the tiers apart.
        tier = torch.tensor([p[index].taper > 0 for p in parts]).index_select(0, image)
        return scaled(textured(), torch.where(tier, 0.85 - 0.3 * y, 1.0)), gloss
    if paint == "torso":
        base = textured()
        button = (x * x < 0.02) & (z > 0) & ((y.abs() - 0.28).abs() < 0.13)
        return over(base, button, (0.1, 0.1, 0.12)), gloss
    if paint == "head":
        eye = ((x.abs() - 0.36) ** 2 + (y - 0.26) ** 2 < 0.036) & (z > 0)
        base = over(first, eye, (0.08, 0.08, 0.1))
        return over(base, y < -0.52, scaled(colours("second_colour"), 0.95)), gloss
    if paint == "crate":
        wide = torch.where(x.abs() > 0.999, hz, hx)
        tall = torch.where(y.abs() > 0.999, hz, hy)
        edge = torch.minimum(wide - u.abs(), tall - v.abs())
        base = scaled(textured(), 1.0)
        frame = edge < 0.13
        base = over(base, frame, scaled(first, 0.74))
        groove = (edge - 0.145).abs() < 0.022
        plain = torch.tensor([s.texture == "plain" for s in subjects]).index_select(0, image)
        seam = plain & ((_wave(v / (tall * 2 / 3) + 0.5) - 0.5).abs() > 0.46) & ~frame
        return scaled(base, torch.where(groove | seam, 0.45, 1.0)), gloss
    if paint == "cup":
        base = over(textured(), face == 1, scaled(first, 1.0))
        inside = face == 3
        base = over(base, inside, scaled(first, 0.5))
        return base, gloss
    if paint == "trim":
        return scaled(first, 0.94), gloss
    if paint == "leg":
        return scaled(first, 0.86), gloss
    if paint == "walls":
        base = textured()
        glass, door = (0.99, 0.93, 0.62), (0.36, 0.22, 0.13)
        front = z > 0.999
        on_door = front & (x.abs() * hx < 0.17) & (y * hy < 0.12)
        on_pane = (z.abs() > 0.999) & ((x.abs() * hx - 0.62 * hx).abs() < 0.13)
        on_pane = on_pane & ((y * hy - 0.04).abs() < 0.15)
        side = (x.abs() > 0.999) & (z.abs() * hz < 0.18) & ((y * hy - 0.04).abs() < 0.15)
        base = over(base, on_pane | side, glass)
        return over(base, on_door, door), gloss
    if paint == "roof":
        slope = (face == 0) | (face == 1)
        row = slope & (_wave((y + 1.0) * 1.5) < 0.14)
        base = over(first, slope, textured())
        return scaled(base, torch.where(row, 0.6, torch.where(slope, 0.8, 0.9))), gloss
    if paint == "bodywork":
        base = textured()
        lamp = (z.abs() - 0.68).abs() < 0.2
        lamp = lamp & ((y - 0.15).abs() < 0.32)
        base = over(base, (x > 0.999) & lamp, (1.0, 0.95, 0.7))
        base = over(base, (x < -0.999) & lamp, (0.75, 0.1, 0.1))
        return over(base, y < -0.72, scaled(first, 0.6)), gloss
    if paint == "cabin":
        glass = (0.30, 0.42, 0.52)
        tall = y.abs() < 0.68
        side = ((face == 2) | (face == 3)) & tall & (x.abs() < 0.74) & (x.abs() > 0.07)
        ends = ((face == 0) | (face == 1)) & tall & (z.abs() < 0.74)
        base = over(scaled(first, 0.95), face == 4, textured())
        return over(base, side | ends, glass), gloss
    if paint == "wheel":
        hub = (face > 0) & (x * x + z * z < 0.24)
        base = [torch.full_like(u, c) for c in (0.13, 0.13, 0.15)]
        return over(base, hub, (0.78, 0.79, 0.82)), gloss
    raise ValueError(f"no paint {paint!r}")
