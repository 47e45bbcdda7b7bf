"""The pinhole camera that a scene puts before a subject."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from toffee.data.world.geometry import Vector, bounds, parts_of, vector
from toffee.data.world.subject import Scene, Subject

FIELD_OF_VIEW = 40.0
"""Degrees across the picture."""
FILL = 0.93
"""Share of the picture that a subject's widest view takes at distance 1, at most."""


class Camera(NamedTuple):
    """A pinhole camera.

    position: in the subject's frame.
    right, up, forward: unit axes.
    focal, principal: focal length and principal point, in half pictures.
    reach: distance to the centre of the subject's bounding box.
    box: the picture region that the bounding box falls in: left, right, top, bottom in [-1,1].
    """

    position: Vector
    right: Vector
    up: Vector
    forward: Vector
    focal: float
    principal: tuple[float, float]
    reach: float
    box: tuple[float, float, float, float]


def camera_of(subject: Subject, scene: Scene) -> Camera:
    """The camera of `scene` before `subject`."""
    low, high = bounds(parts_of(subject.class_word, subject.shape))
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    size = [b - a for a, b in zip(low, high, strict=True)]
    focal = 1.0 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    reach = scene.distance * _standard_reach(subject.class_word, size, focal)
    right, up, back = _axes(math.radians(scene.azimuth), math.radians(scene.elevation))
    corners = [
        (x - middle[0], y - middle[1], z - middle[2])
        for x in (low[0], high[0])
        for y in (low[1], high[1])
        for z in (low[2], high[2])
    ]
    away = [reach - (x * back[0] + y * back[1] + z * back[2]) for x, y, z in corners]
    across = [
        focal * (x * right[0] + z * right[2]) / a
        for (x, _, z), a in zip(corners, away, strict=True)
    ]
    along = [
        -focal * (x * up[0] + y * up[1] + z * up[2]) / a
        for (x, y, z), a in zip(corners, away, strict=True)
    ]
    column, row = _principal(across, scene.offset[0]), _principal(along, scene.offset[1])
    return Camera(
        position=vector(m + reach * b for m, b in zip(middle, back, strict=True)),
        right=right,
        up=up,
        forward=vector(-b for b in back),
        focal=focal,
        principal=(column, row),
        reach=reach,
        box=(min(across) + column, max(across) + column, min(along) + row, max(along) + row),
    )


def _axes(azimuth: float, elevation: float) -> tuple[Vector, Vector, Vector]:
    """The camera's unit axes right, up and back, from its angles in radians."""
    back = (
        math.cos(elevation) * math.sin(azimuth),
        math.sin(elevation),
        math.cos(elevation) * math.cos(azimuth),
    )
    right = (math.cos(azimuth), 0.0, -math.sin(azimuth))
    up = (
        -math.sin(elevation) * math.sin(azimuth),
        math.cos(elevation),
        -math.sin(elevation) * math.cos(azimuth),
    )
    return right, up, back


def _principal(seen: Sequence[float], offset: float) -> float:
    """The principal point along one axis that moves the subject by `offset` pictures.

    It moves less where it would leave the picture.

    Args:
        seen: where the corners of its box fall without a shift, in half pictures.
    """
    centre = (min(seen) + max(seen)) / 2
    slack = max(0.0, 0.95 - (max(seen) - min(seen)) / 2)
    return min(max(2 * offset, -slack), slack) - centre


def _standard_reach(class_word: str, size: Sequence[float], focal: float) -> float:
    """Distance from which the subject's widest view at 25 degrees takes `FILL` of the picture."""
    needed = []
    for degrees in (0, 90) if class_word in ("ball", "mug", "tree", "snowman") else (0, 45, 90):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        across, behind = (size[0] * c + size[2] * s) / 2, (size[0] * s + size[2] * c) / 2
        e = math.radians(25.0)
        tall = size[1] / 2 * math.cos(e) + behind * math.sin(e)
        needed.append(max(across, tall) * focal / FILL + 0.6 * behind)
    return max(needed)
