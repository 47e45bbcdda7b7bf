"""Cameras, lights and parts of images that are rendered together, as tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from toffee.data.world.camera import camera_of
from toffee.data.world.geometry import Part, Vector, parts_of
from toffee.data.world.shapes import Triple, triple
from toffee.data.world.subject import Scene, Subject

_TINT = {"day": (1.0, 1.0, 1.0), "sunset": (1.05, 0.84, 0.68), "dusk": (0.72, 0.75, 0.90)}
_SUN_HEIGHT = {"day": 50.0, "sunset": 22.0, "dusk": 38.0}
_GLOW = {"day": (0.0, 0.0, 0.0), "sunset": (1.0, 0.50, 0.18), "dusk": (0.46, 0.24, 0.42)}
_GLOW_SHARE = {"day": 0.0, "sunset": 0.75, "dusk": 0.6}
_NIGHT_TINT = (0.80, 0.84, 0.98)


def per_image(values: Sequence[float]) -> Tensor:
    """One number per image, float32 [B,1]."""
    return torch.tensor(values, dtype=torch.float32)[:, None]


def _vectors(values: Sequence[Vector]) -> Triple:
    """One vector per image, as three components [B,1]."""
    return triple(per_image([value[k] for value in values]) for k in range(3))


class Batch:
    """Subjects of one class in their scenes. Tensors are [B,1], vectors three of them."""

    def __init__(self, subjects: Sequence[Subject], scenes: Sequence[Scene]) -> None:
        self.subjects, self.scenes = subjects, scenes
        self.parts: list[list[Part]] = [parts_of(s.class_word, s.shape) for s in subjects]
        cameras = [camera_of(a, b) for a, b in zip(subjects, scenes, strict=True)]
        self.box = [c.box for c in cameras]
        self.position = _vectors([c.position for c in cameras])
        self.right = _vectors([c.right for c in cameras])
        self.up = _vectors([c.up for c in cameras])
        self.forward = _vectors([c.forward for c in cameras])
        self.principal = [per_image([c.principal[k] for c in cameras]) for k in range(2)]
        self.focal = cameras[0].focal
        self.reach = per_image([c.reach for c in cameras])
        self.sun = _vectors([_sun(scene) for scene in scenes])
        tints = [
            _NIGHT_TINT if s.background == "night" and s.light == "day" else _TINT[s.light]
            for s in scenes
        ]
        # Colours must stay readable under every light: the subject takes half of the floor's tint.
        self.tint = triple(0.45 + 0.55 * t for t in _vectors(tints))
        # The floor keeps its painted darkness at night.
        self.floor_tint = _vectors([_TINT[s.light] for s in scenes])
        self.glow = _vectors([_GLOW[s.light] for s in scenes])
        self.glow_share = per_image([_GLOW_SHARE[s.light] for s in scenes])

    def part(self, index: int) -> tuple[str, tuple[int, int, int], Triple, Triple, Tensor]:
        """Shape name, axis order, centre, half sizes (own axes) and taper of part `index`."""
        parts = [p[index] for p in self.parts]
        order = {"y": (0, 1, 2), "z": (0, 2, 1), "x": (1, 0, 2)}[parts[0].axis]
        centre = triple(per_image([p.centre[k] for p in parts]) for k in order)
        half = _vectors([p.half for p in parts])
        return parts[0].shape, order, centre, half, per_image([p.taper for p in parts])


def _sun(scene: Scene) -> Vector:
    """The direction of the light, a unit vector."""
    height, turn = math.radians(_SUN_HEIGHT[scene.light]), math.radians(scene.light_azimuth)
    return (
        math.cos(height) * math.sin(turn),
        math.sin(height),
        math.cos(height) * math.cos(turn),
    )
