"""The colour of the points that rays hit on a subject."""

from __future__ import annotations

import torch
from torch import Tensor

from toffee.data.world.batch import Batch
from toffee.data.world.geometry import canonical_parts
from toffee.data.world.paint import Colour, Spots, albedo
from toffee.data.world.rays import sum_in_order
from toffee.data.world.shapes import Triple, surface, triple


def shade_part(
    batch: Batch, hits: Tensor, part: int, rays: int, t: Tensor, direction: Triple
) -> tuple[Colour, Triple, Tensor]:
    """Colour, canonical point and edge code of the hits on one part.

    hits: flat indices into [B,rays].
    """
    image = torch.div(hits, rays, rounding_mode="floor")
    shape, order, centre, half, taper = batch.part(part)

    def pick(values: Tensor) -> Tensor:
        return values[:, 0].index_select(0, image)

    ray = triple(d.view(-1).index_select(0, hits) for d in direction)
    depth = t.view(-1).index_select(0, hits)
    world = triple(pick(batch.position[k]) + depth * ray[k] for k in range(3))
    halves = triple(pick(h) for h in half)
    local = triple((world[k] - pick(c)) / h for k, c, h in zip(order, centre, halves, strict=True))
    normal, face, u, v, turns = surface(shape, local, halves, pick(taper))
    # A part's own axes are the world's in another order, which is its own inverse.
    n = triple(normal[k] for k in order)
    length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt().clamp(min=1e-9)
    n = triple(c / length for c in n)
    paint = batch.parts[0][part].paint
    spots = Spots(image, local, halves, world, face, u, v, turns)
    colour, gloss = albedo(paint, shape, batch.subjects, batch.parts, part, spots)
    light, shine = _illuminate(n, triple(pick(s) for s in batch.sun), ray, world[1])
    shine = shine * gloss
    if any(scene.style == "cartoon" for scene in batch.scenes):
        cartoon = torch.tensor([s.style == "cartoon" for s in batch.scenes]).index_select(0, image)
        facing = sum_in_order([n[k] * pick(batch.sun[k]) for k in range(3)])
        light = torch.where(cartoon, torch.where(facing > 0.0, 1.0, 0.72), light)
        shine = torch.where(cartoon, 0.0, shine)
    tints = [pick(tint) for tint in batch.tint]
    shaded = [c * light * tint + shine * tint for c, tint in zip(colour, tints, strict=True)]
    middle, extent = canonical_parts(batch.subjects[0].class_word)[part]
    place = triple(local[order[k]] * extent[k] + middle[k] for k in range(3))
    return shaded, place, ((part + 1) * 8 + face).int()


def _illuminate(normal: Triple, sun: Triple, ray: Triple, height: Tensor) -> tuple[Tensor, Tensor]:
    """Diffuse light and highlight of points at a height over the floor, each [N]."""
    facing = normal[0] * sun[0] + normal[1] * sun[1] + normal[2] * sun[2]
    # Half-Lambert keeps the dark side readable; the floor gives back a little from below.
    wrapped = (0.5 + 0.5 * facing).clamp(min=0)
    light = 0.44 + 0.14 * normal[1] + 0.58 * wrapped
    ground = (0.72 + height * 0.9).clamp(max=1.0)
    light = light * ground
    norm = (ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]).sqrt()
    mirror = [s - r / norm for s, r in zip(sun, ray, strict=True)]
    span = (mirror[0] * mirror[0] + mirror[1] * mirror[1] + mirror[2] * mirror[2]).sqrt()
    shine = sum_in_order([normal[k] * mirror[k] for k in range(3)]) / span.clamp(min=1e-6)
    shine = shine.clamp(min=0)
    for _ in range(5):
        shine = shine * shine
    return light, shine
