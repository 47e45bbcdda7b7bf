"""Surface colours of the parts: patterns of the body, fixed colours of wheels, doors, hats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    gloss = _GLOSS.get(paint, 0.05)
    if paint in _FIXED:
        return [torch.full_like(spots.u, c) for c in _FIXED[paint]], gloss
    if paint not in _PAINTS:
        raise ValueError(f"no paint {paint!r}")
    return _PAINTS[paint](_Brush(paint, shape, subjects, parts, index, spots)), gloss


@dataclass(frozen=True)
class _Brush:
    """What a paint is put on: see `albedo`."""

    paint: str
    shape: str
    subjects: Sequence[Subject]
    parts: Sequence[Sequence[Part]]
    index: int
    spots: Spots

    def of_subject(self, values: Sequence) -> Tensor:
        """A value of each subject, at the points [N]."""
        return torch.tensor(values).index_select(0, self.spots.image)

    def colours(self, name: str) -> Colour:
        table = torch.tensor([COLOURS[getattr(s, name)] for s in self.subjects]) / 255.0
        return [table[:, k].contiguous().index_select(0, self.spots.image) for k in range(3)]

    @property
    def first(self) -> Colour:
        return self.colours("colour")

    def textured(self) -> Colour:
        """The subject's two colours in its pattern."""
        spots, paint, parts = self.spots, self.paint, self.parts
        # A tree's tiers are small and share one pattern along its height.
        fine = 0.75 if paint == "foliage" else 1.0
        period = torch.tensor([s.texture_scale * fine for s in self.subjects])
        scale = period.index_select(0, spots.image)
        up = spots.v
        if paint == "foliage":
            up = spots.world[1]
        elif paint == "roof":
            up = spots.local[2] * spots.half[2]
        if spots.turns:
            # A whole number of periods around, so that the pattern closes.
            halves = [p[self.index].half for p in parts]
            radius = torch.tensor([max(half[0], half[2]) for half in halves])
            around = (6.2831853 * radius * 0.92 / period + 0.5).floor().clamp(min=3.0)
            along = spots.u * around.index_select(0, spots.image)
        else:
            along = spots.u / scale
        share = _pattern(self.subjects, spots.image, along, up / scale, self._height())
        second = self.colours("second_colour")
        return [a + (b - a) * share for a, b in zip(self.first, second, strict=True)]

    def _height(self) -> Tensor:
        """Where the points are between the first and the second colour, in [0,1]."""
        x, up = self.spots.local[0], self.spots.world[1]
        patterned = [[q for q in p if q.paint in _PATTERNED] for p in self.parts]
        boxes = [bounds(some) for some in patterned]
        low = self.of_subject([b[0][1] for b in boxes])
        high = self.of_subject([b[1][1] for b in boxes])
        # A low part (a table's top) fades from left to right instead of upwards.
        flat = self.of_subject([p[self.index].half[1] < 0.15 for p in self.parts])
        height = torch.where(flat, 0.5 + 0.5 * x, (up - low) / (high - low))
        # Cars fade along their length; what is widest or best seen below fades at its top.
        if self.paint in ("bodywork", "cabin"):
            return 0.5 + 0.5 * x
        if self.paint == "foliage":
            return 1.0 - height
        if len(self.parts[0]) == 1:
            return 1.2 - height if self.shape == "sphere" else 0.85 * height
        return height


def _over(base: Colour, where: Tensor, colour: Sequence) -> Colour:
    return [torch.where(where, c, b) for b, c in zip(base, colour, strict=True)]


def _scaled(base: Colour, factor: Tensor | float) -> Colour:
    return [b * factor for b in base]


def _foliage(brush: _Brush) -> Colour:
    # The tier above shades the one below, which sets the tiers apart.
    tier = brush.of_subject([p[brush.index].taper > 0 for p in brush.parts])
    y = brush.spots.local[1]
    return _scaled(brush.textured(), torch.where(tier, 0.85 - 0.3 * y, 1.0))


def _torso(brush: _Brush) -> Colour:
    x, y, z = brush.spots.local
    button = (x * x < 0.02) & (z > 0) & ((y.abs() - 0.28).abs() < 0.13)
    return _over(brush.textured(), button, (0.1, 0.1, 0.12))


def _head(brush: _Brush) -> Colour:
    x, y, z = brush.spots.local
    eye = ((x.abs() - 0.36) ** 2 + (y - 0.26) ** 2 < 0.036) & (z > 0)
    base = _over(brush.first, eye, (0.08, 0.08, 0.1))
    return _over(base, y < -0.52, _scaled(brush.colours("second_colour"), 0.95))


def _crate(brush: _Brush) -> Colour:
    (x, y, _), (hx, hy, hz), u, v = (
        brush.spots.local,
        brush.spots.half,
        brush.spots.u,
        brush.spots.v,
    )
    wide = torch.where(x.abs() > 0.999, hz, hx)
    tall = torch.where(y.abs() > 0.999, hz, hy)
    edge = torch.minimum(wide - u.abs(), tall - v.abs())
    frame = edge < 0.13
    base = _over(_scaled(brush.textured(), 1.0), frame, _scaled(brush.first, 0.74))
    groove = (edge - 0.145).abs() < 0.022
    plain = brush.of_subject([s.texture == "plain" for s in brush.subjects])
    seam = plain & ((_wave(v / (tall * 2 / 3) + 0.5) - 0.5).abs() > 0.46) & ~frame
    return _scaled(base, torch.where(groove | seam, 0.45, 1.0))


def _cup(brush: _Brush) -> Colour:
    face = brush.spots.face
    base = _over(brush.textured(), face == 1, _scaled(brush.first, 1.0))
    return _over(base, face == 3, _scaled(brush.first, 0.5))  # its inside


def _trim(brush: _Brush) -> Colour:
    return _scaled(brush.first, 0.94)


def _leg(brush: _Brush) -> Colour:
    return _scaled(brush.first, 0.86)


def _walls(brush: _Brush) -> Colour:
    (x, y, z), (hx, hy, hz) = brush.spots.local, brush.spots.half
    glass, door = (0.99, 0.93, 0.62), (0.36, 0.22, 0.13)
    front = z > 0.999
    on_door = front & (x.abs() * hx < 0.17) & (y * hy < 0.12)
    on_pane = (z.abs() > 0.999) & ((x.abs() * hx - 0.62 * hx).abs() < 0.13)
    on_pane = on_pane & ((y * hy - 0.04).abs() < 0.15)
    side = (x.abs() > 0.999) & (z.abs() * hz < 0.18) & ((y * hy - 0.04).abs() < 0.15)
    return _over(_over(brush.textured(), on_pane | side, glass), on_door, door)


def _roof(brush: _Brush) -> Colour:
    face, y = brush.spots.face, brush.spots.local[1]
    slope = (face == 0) | (face == 1)
    row = slope & (_wave((y + 1.0) * 1.5) < 0.14)
    base = _over(brush.first, slope, brush.textured())
    return _scaled(base, torch.where(row, 0.6, torch.where(slope, 0.8, 0.9)))


def _bodywork(brush: _Brush) -> Colour:
    x, y, z = brush.spots.local
    lamp = (z.abs() - 0.68).abs() < 0.2
    lamp = lamp & ((y - 0.15).abs() < 0.32)
    base = _over(brush.textured(), (x > 0.999) & lamp, (1.0, 0.95, 0.7))
    base = _over(base, (x < -0.999) & lamp, (0.75, 0.1, 0.1))
    return _over(base, y < -0.72, _scaled(brush.first, 0.6))


def _cabin(brush: _Brush) -> Colour:
    (x, y, z), face = brush.spots.local, brush.spots.face
    glass = (0.30, 0.42, 0.52)
    tall = y.abs() < 0.68
    side = ((face == 2) | (face == 3)) & tall & (x.abs() < 0.74) & (x.abs() > 0.07)
    ends = ((face == 0) | (face == 1)) & tall & (z.abs() < 0.74)
    base = _over(_scaled(brush.first, 0.95), face == 4, brush.textured())
    return _over(base, side | ends, glass)


def _wheel(brush: _Brush) -> Colour:
    x, _, z = brush.spots.local
    hub = (brush.spots.face > 0) & (x * x + z * z < 0.24)
    base = [torch.full_like(brush.spots.u, c) for c in (0.13, 0.13, 0.15)]
    return _over(base, hub, (0.78, 0.79, 0.82))


_PAINTS: dict[str, Callable[[_Brush], Colour]] = {
    "body": _Brush.textured,
    "foliage": _foliage,
    "torso": _torso,
    "head": _head,
    "crate": _crate,
    "cup": _cup,
    "trim": _trim,
    "leg": _leg,
    "walls": _walls,
    "roof": _roof,
    "bodywork": _bodywork,
    "cabin": _cabin,
    "wheel": _wheel,
}
