"""Geometry of the eight classes: each is a handful of unit shapes scaled into boxes.

World frame: x right, y up, z towards the subject's front; the floor is y = 0; a subject is about
two units wide. Each part is a unit shape (within [-1,1]^3, see `shapes`) scaled by `half` and
moved to `centre`. The canonical frame of a class is that of its mean shape, part by part, so the
same place on two subjects of a class has the same canonical coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

Vector = tuple[float, float, float]


def vector(values: Iterable[float]) -> Vector:
    """Exactly three coordinates."""
    x, y, z = values
    return x, y, z


SHAPE_RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "ball": ((0.86, 1.0), (0.9, 1.0)),  # radius, flattening
    "crate": ((0.66, 0.9), (0.6, 0.85), (0.66, 0.9)),  # half width, height, depth
    "mug": ((0.54, 0.68), (0.6, 0.82), (0.36, 0.46)),  # radius, half height, handle
    "tree": ((0.8, 1.0), (1.9, 2.2), (0.13, 0.18)),  # crown radius, height, trunk radius
    "house": ((0.72, 0.9), (0.5, 0.64), (0.6, 0.75), (0.28, 0.4)),  # width, wall, depth, roof
    "snowman": ((0.58, 0.68), (0.44, 0.5), (0.32, 0.37)),  # the three radii
    "table": ((0.85, 1.02), (0.58, 0.8), (0.56, 0.72), (0.08, 0.12)),  # width, height, depth, leg
    "car": ((0.98, 1.12), (0.48, 0.58), (0.2, 0.27), (0.22, 0.28)),  # length, width, body, wheel
}
"""Ranges of each class's shape parameters, world units."""


@dataclass(frozen=True)
class Part:
    """A unit shape in a box: `shape` names it, `taper` is its one free parameter, `paint` its look.

    `axis` is the axis that the unit shape's own y points along in the world ("x", "y" or "z").
    """

    shape: str
    paint: str
    centre: Vector
    half: Vector
    taper: float = 1.0
    axis: str = "y"


def _ball(radius: float, flattening: float) -> list[Part]:
    height = radius * flattening
    return [Part("sphere", "body", (0, height, 0), (radius, height, radius))]


def _crate(width: float, height: float, depth: float) -> list[Part]:
    return [Part("box", "crate", (0, height, 0), (width, height, depth))]


def _mug(radius: float, height: float, handle: float) -> list[Part]:
    thickness = 0.13
    return [
        Part("cup", "cup", (0, height, 0), (radius, height, radius), 0.84),
        Part(
            "ring",
            "trim",
            (radius + 0.08, height, 0),
            (handle, handle * 1.2, thickness),
            0.6,
        ),
    ]


def _tree(radius: float, height: float, trunk: float) -> list[Part]:
    foot = 0.24 * height
    step = (height - foot) / 4.6
    parts = [Part("pillar", "trunk", (0, foot * 0.6, 0), (trunk, foot * 0.6, trunk), 0.85)]
    for level, (size, top) in enumerate(((1.0, 0.3), (0.78, 0.25), (0.54, 0.0))):
        centre = (0, foot + step * (1.3 * level + 1.0), 0)
        parts.append(Part("pillar", "foliage", centre, (radius * size, step, radius * size), top))
    return parts


def _house(width: float, wall: float, depth: float, roof: float) -> list[Part]:
    return [
        Part("box", "walls", (0, wall, 0), (width, wall, depth)),
        Part("gable", "roof", (0, 2 * wall + roof, 0), (width + 0.14, roof, depth + 0.16)),
        Part(
            "box",
            "chimney",
            (0.5 * width, 2 * wall + 1.25 * roof, -0.4 * depth),
            (0.11, 0.75 * roof, 0.11),
        ),
    ]


def _snowman(low: float, middle: float, head: float) -> list[Part]:
    second = 1.75 * low + 0.55 * middle
    third = second + 0.75 * middle + 0.62 * head
    hat = third + 0.78 * head
    return [
        Part("sphere", "body", (0, 0.95 * low, 0), (low, 0.95 * low, low)),
        Part("sphere", "torso", (0, second, 0), (middle, middle, middle)),
        Part("sphere", "head", (0, third, 0), (head, head, head)),
        Part("frustum", "carrot", (0, third, head + 0.13), (0.085, 0.2, 0.085), 0.0, "z"),
        Part("frustum", "hat", (0, hat, 0), (1.05 * head, 0.04, 1.05 * head)),
        Part("pillar", "hat", (0, hat + 0.2, 0), (0.68 * head, 0.2, 0.68 * head)),
    ]


def _table(width: float, height: float, depth: float, leg: float) -> list[Part]:
    top = 0.1
    legs = [
        Part(
            "box",
            "leg",
            (sx * (width - leg - 0.05), height - top, sz * (depth - leg - 0.05)),
            (leg, height - top, leg),
        )
        for sx in (-1, 1)
        for sz in (-1, 1)
    ]
    return [Part("box", "body", (0, 2 * height - top, 0), (width, top, depth)), *legs]


def _car(length: float, width: float, body: float, wheel: float) -> list[Part]:
    base = 0.75 * wheel
    roof = 0.26
    return [
        Part("box", "bodywork", (0, base + body, 0), (length, body, width)),
        Part(
            "tapered",
            "cabin",
            (-0.12 * length, base + 2 * body + roof, 0),
            (0.64 * length, roof, 0.9 * width),
            0.7,
        ),
        *(
            Part(
                "frustum",
                "wheel",
                (sx * 0.58 * length, wheel, sz * (width - 0.05)),
                (wheel, 0.12, wheel),
                1.0,
                "z",
            )
            for sx in (-1, 1)
            for sz in (-1, 1)
        ),
    ]


_BUILDERS: dict[str, Callable[..., list[Part]]] = {
    "ball": _ball,
    "crate": _crate,
    "mug": _mug,
    "tree": _tree,
    "house": _house,
    "snowman": _snowman,
    "table": _table,
    "car": _car,
}


def parts_of(class_word: str, shape: tuple[float, ...]) -> list[Part]:
    """The parts of a class with the given shape parameters; their number depends on the class."""
    return _BUILDERS[class_word](*shape)


@cache
def canonical_parts(class_word: str) -> tuple[tuple[Vector, Vector], ...]:
    """Centre and half size of each part in the class's canonical frame, coordinates in [-1,1]."""
    mean = tuple((low + high) / 2 for low, high in SHAPE_RANGES[class_word])
    parts = parts_of(class_word, mean)
    low, high = bounds(parts)
    middle = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    scale = max(b - a for a, b in zip(low, high, strict=True)) / 2
    return tuple(
        (
            vector((c - m) / scale for c, m in zip(part.centre, middle, strict=True)),
            vector(h / scale for h in world_half(part)),
        )
        for part in parts
    )


def world_half(part: Part) -> Vector:
    """Half extents along world x, y, z."""
    x, y, z = part.half
    return {"y": (x, y, z), "x": (y, x, z), "z": (x, z, y)}[part.axis]


def bounds(parts: list[Part]) -> tuple[Vector, Vector]:
    """Lower and upper corner of the box around all parts."""
    lows = [[c - h for c, h in zip(p.centre, world_half(p), strict=True)] for p in parts]
    highs = [[c + h for c, h in zip(p.centre, world_half(p), strict=True)] for p in parts]
    return vector(map(min, zip(*lows, strict=True))), vector(map(max, zip(*highs, strict=True)))
