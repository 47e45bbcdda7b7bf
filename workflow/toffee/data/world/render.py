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

from toffee.data.world.geometry import Part, bounds, canonical_parts, parts_of
from toffee.data.world.grounds import LEVELS, SIDE, SKY_HEIGHT, SKY_WIDTH, TILE, grounds
from toffee.data.world.paint import Spots, albedo
from toffee.data.world.shapes import FAR, INTERSECT, surface
from toffee.data.world.subject import Scene, Subject
from toffee.data.world.vocabulary import BACKGROUNDS, LIGHTS, STYLES

FIELD_OF_VIEW = 40.0
"""Degrees across the picture."""
FILL = 0.93
"""Share of the picture that a subject's widest view takes at distance 1, at most."""
DEPTH_RANGE = 1.5
"""World units before and behind the subject's centre that depth 1 and 0.2 stand for."""

_TINT = {"day": (1.0, 1.0, 1.0), "sunset": (1.05, 0.84, 0.68), "dusk": (0.72, 0.75, 0.90)}
_SUN_HEIGHT = {"day": 50.0, "sunset": 22.0, "dusk": 38.0}
_GLOW = {"day": (0.0, 0.0, 0.0), "sunset": (1.0, 0.50, 0.18), "dusk": (0.46, 0.24, 0.42)}
_GLOW_SHARE = {"day": 0.0, "sunset": 0.75, "dusk": 0.6}
_NIGHT_TINT = (0.80, 0.84, 0.98)
_CHUNK_RAYS = 400_000
_CORNERS = torch.tensor(
    [[[1.0, -1.0][i >> k & 1] for i in range(8)] for k in range(3)], dtype=torch.float32
)[:, None]
_SIDE_BITS = SIDE.bit_length() - 1


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


class Camera(NamedTuple):
    """Pinhole camera: position, unit axes, focal length in half pictures, principal point."""

    position: tuple[float, float, float]
    right: tuple[float, float, float]
    up: tuple[float, float, float]
    forward: tuple[float, float, float]
    focal: float
    principal: tuple[float, float]
    reach: float
    box: tuple[float, float, float, float]


def camera_of(subject: Subject, scene: Scene) -> Camera:
    """The camera of `scene` before `subject`.

    `reach` is its distance to the centre of the subject's bounding box, `box` the picture region
    (left, right, top, bottom in [-1,1]) that the bounding box falls in.
    """
    low, high = bounds(parts_of(subject.class_word, subject.shape))
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    size = [b - a for a, b in zip(low, high, strict=True)]
    focal = 1.0 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    reach = scene.distance * _standard_reach(subject.class_word, size, focal)
    azimuth, elevation = math.radians(scene.azimuth), math.radians(scene.elevation)
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
    principal = []
    for seen, shift in ((across, 2 * scene.offset[0]), (along, 2 * scene.offset[1])):
        centre = (min(seen) + max(seen)) / 2
        slack = max(0.0, 0.95 - (max(seen) - min(seen)) / 2)
        principal.append(min(max(shift, -slack), slack) - centre)
    position = tuple(m + reach * b for m, b in zip(middle, back, strict=True))
    forward = tuple(-b for b in back)
    box = (
        min(across) + principal[0],
        max(across) + principal[0],
        min(along) + principal[1],
        max(along) + principal[1],
    )
    return Camera(position, right, up, forward, focal, tuple(principal), reach, box)


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


def _column(values: Sequence) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]


class _Batch:
    """Per-image numbers of one class's chunk, each [B,1] unless said otherwise."""

    def __init__(self, subjects: Sequence[Subject], scenes: Sequence[Scene]) -> None:
        self.subjects, self.scenes = subjects, scenes
        self.parts: list[list[Part]] = [parts_of(s.class_word, s.shape) for s in subjects]
        cameras = [camera_of(a, b) for a, b in zip(subjects, scenes, strict=True)]
        self.box = [c.box for c in cameras]
        self.position = [_column([c.position[k] for c in cameras]) for k in range(3)]
        self.right = [_column([c.right[k] for c in cameras]) for k in range(3)]
        self.up = [_column([c.up[k] for c in cameras]) for k in range(3)]
        self.forward = [_column([c.forward[k] for c in cameras]) for k in range(3)]
        self.principal = [_column([c.principal[k] for c in cameras]) for k in range(2)]
        self.focal = cameras[0].focal
        self.reach = _column([c.reach for c in cameras])
        suns = []
        for scene in scenes:
            height = math.radians(_SUN_HEIGHT[scene.light])
            turn = math.radians(scene.light_azimuth)
            suns.append(
                (
                    math.cos(height) * math.sin(turn),
                    math.sin(height),
                    math.cos(height) * math.cos(turn),
                )
            )
        self.sun = [_column([s[k] for s in suns]) for k in range(3)]
        tints = [
            _NIGHT_TINT if s.background == "night" and s.light == "day" else _TINT[s.light]
            for s in scenes
        ]
        self.tint = [_column([t[k] for t in tints]) for k in range(3)]
        # Colours must stay readable under every light: the subject takes half of the floor's tint.
        self.tint = [0.45 + 0.55 * t for t in self.tint]
        # The floor keeps its painted darkness at night.
        self.floor_tint = [_column([_TINT[s.light][k] for s in scenes]) for k in range(3)]
        self.glow = [_column([_GLOW[s.light][k] for s in scenes]) for k in range(3)]
        self.glow_share = _column([_GLOW_SHARE[s.light] for s in scenes])

    def part(self, index: int):
        """Shape name, axis order, centre, half sizes (own axes) and taper of part `index`."""
        parts = [p[index] for p in self.parts]
        order = {"y": (0, 1, 2), "z": (0, 2, 1), "x": (1, 0, 2)}[parts[0].axis]
        centre = [_column([p.centre[k] for p in parts]) for k in order]
        half = [_column([p.half[k] for p in parts]) for k in range(3)]
        return parts[0].shape, order, centre, half, _column([p.taper for p in parts])


def _rays(batch: _Batch, columns: Tensor, rows: Tensor, side: int) -> list[Tensor]:
    """World directions [B,H*W], forward component 1, through pixel centres of a side x side grid.

    columns: [B or 1,W]; rows: [B or 1,H].
    """
    x = ((columns + 0.5) * (2.0 / side) - 1.0 - batch.principal[0]) / batch.focal
    y = (1.0 - (rows + 0.5) * (2.0 / side) + batch.principal[1]) / batch.focal
    return [
        ((batch.forward[k] + x * batch.right[k])[:, None] + (y * batch.up[k])[:, :, None]).flatten(
            1
        )
        for k in range(3)
    ]


def _hits(batch: _Batch, index: int, origin: list[Tensor], direction: list[Tensor]) -> Tensor:
    """Ray parameters [B,R] at which rays enter part `index`, FAR where they miss it."""
    shape, order, centre, half, taper = batch.part(index)
    local = [(origin[k] - c) / h for k, c, h in zip(order, centre, half, strict=True)]
    speed = [direction[k] / h for k, h in zip(order, half, strict=True)]
    return INTERSECT[shape](local, speed, taper)


def _corners(batch: _Batch, index: int) -> list[Tensor]:
    """Corners of part `index`'s box, world x, y, z, each [B,8]."""
    _, order, centre, half, _ = batch.part(index)
    corners: list = [None, None, None]
    for k, c, h in zip(order, centre, half, strict=True):
        corners[k] = c + h * _CORNERS[k]
    return corners


def _seen(batch: _Batch, points: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Columns and rows of points in half pictures from the left and top, and their distance."""
    x, y, ahead = 0.0, 0.0, 0.0
    for k in range(3):
        away = points[k] - batch.position[k]
        x = x + away * batch.right[k]
        y = y + away * batch.up[k]
        ahead = ahead + away * batch.forward[k]
    columns = batch.focal * x / ahead + batch.principal[0] + 1.0
    return columns, 1.0 - batch.focal * y / ahead + batch.principal[1], ahead


def _window(seen: Tensor, start: Tensor, extent: int, side: int) -> tuple[Tensor, int]:
    """First place [B,1] and common length, within crops, of a window around all of `seen`."""
    places = seen * (side / 2) - start
    first = (places.amin(1, keepdim=True).floor() - 2).clamp(0, extent)
    end = (places.amax(1, keepdim=True).ceil() + 2).clamp(0, extent)
    length = int((end - first).max())
    return torch.minimum(first.long(), torch.tensor(extent - length)), length


def _trace(
    batch: _Batch,
    direction: list[Tensor],
    left: Tensor,
    top: Tensor,
    wide: int,
    tall: int,
    side: int,
) -> tuple[Tensor, Tensor]:
    """Nearest hit seen by the camera: ray parameter [B,R] (or FAR), part int8 [B,R] (or -1).

    A small part is looked for in a window of its own.
    """
    best = torch.full_like(direction[0], FAR)
    which = torch.full(best.shape, -1, dtype=torch.int8)
    for index in range(len(batch.parts[0])):
        columns, rows, _ = _seen(batch, _corners(batch, index))
        column, width = _window(columns, left, wide, side)
        row, height = _window(rows, top, tall, side)
        if not width * height:
            continue
        if width * height > 0.6 * wide * tall:
            t = _hits(batch, index, batch.position, direction)
            which.masked_fill_(t < best, index)
            best = torch.minimum(best, t)
            continue
        columns, rows = column + torch.arange(width), row + torch.arange(height)
        rays = _rays(batch, (left + columns).float(), (top + rows).float(), side)
        t = _hits(batch, index, batch.position, rays).view(-1)
        at = _flat_window(column, width, row, height, wide, tall)
        before = best.view(-1).index_select(0, at)
        part = which.view(-1).index_select(0, at).masked_fill_(t < before, index)
        which.view(-1).index_copy_(0, at, part)
        best.view(-1).index_copy_(0, at, torch.minimum(before, t))
    return best, which


def _crop(batch: _Batch, side: int) -> tuple[Tensor, Tensor, int, int]:
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
    return *starts, *sizes


def _background(batch: _Batch, side: int) -> tuple[Tensor, Tensor]:
    """Colours [3,B,side,side] without shadow, and whether a row shows the floor, bool [B,side].

    The camera never rolls, so a row's rays share their slope: distance, mip level and haze are
    found per row, and a ray's place on the floor is linear in its column.
    """
    table = grounds()
    names = list(BACKGROUNDS)
    kind = torch.tensor([names.index(s.background) for s in batch.scenes])
    turns, shifts = [], []
    for scene in batch.scenes:
        seed = scene.background_seed
        turn = 2 * math.pi * ((seed * 0.6180339887) % 1.0)
        turns.append((math.cos(turn), math.sin(turn)))
        shifts.append(((seed * 0.7548776662) % 1.0 * SIDE, (seed * 0.5698402909) % 1.0 * SIDE))
    cosine, sine = (_column([t[k] for t in turns]) for k in range(2))
    ramp = torch.arange(side, dtype=torch.float32)[None]
    across = ((ramp + 0.5) * (2.0 / side) - 1.0 - batch.principal[0]) / batch.focal
    lift = (1.0 - (ramp + 0.5) * (2.0 / side) + batch.principal[1]) / batch.focal
    dx, dy, dz = (batch.forward[k] + lift * batch.up[k] for k in range(3))
    below = dy < -1e-4
    t = torch.where(below, -batch.position[1] / dy, 1.0).clamp(max=2e3)
    x, z = batch.position[0] + t * dx, batch.position[2] + t * dz
    scale = SIDE / TILE
    u = (x * cosine - z * sine) * scale + _column([s[0] for s in shifts])
    v = (x * sine + z * cosine) * scale + _column([s[1] for s in shifts])
    du = t * (batch.right[0] * cosine - batch.right[2] * sine) * scale
    dv = t * (batch.right[0] * sine + batch.right[2] * cosine) * scale
    # Footprint of a ray in texels: geometric mean of its short and long side on the floor.
    pixel = 2.0 / side / batch.focal * scale
    footprint = t * pixel * (t / batch.position[1]).clamp(min=1.0).sqrt()
    coarse = _column([1.0 if s.style == "cartoon" else 0.0 for s in batch.scenes])
    footprint = footprint * (1.0 + 3.0 * coarse)
    level = torch.zeros(t.shape, dtype=torch.int32)
    for k in range(LEVELS - 1):
        level += footprint > 1.5 * 2.0**k
    start = table.floor[kind].gather(1, level.long()).int()[:, :, None]
    level = level[:, :, None]
    across = across[:, None]
    ui = (u[:, :, None] + du[:, :, None] * across).floor().int() & (SIDE - 1)
    vi = (v[:, :, None] + dv[:, :, None] * across).floor().int() & (SIDE - 1)
    index = start + ((vi >> level) << (_SIDE_BITS - level)) + (ui >> level)
    # Sky: the panorama turns with the camera.
    starts = [(s.background_seed * 0.8191725134) % 1.0 for s in batch.scenes]
    first = _column([s.azimuth / 360.0 + a for s, a in zip(batch.scenes, starts, strict=True)])
    turn = ((ramp + 0.5) * (2.0 / side) - 1.0) * (FIELD_OF_VIEW / 720.0) - first
    su = (turn * SKY_WIDTH).floor().int() & (SKY_WIDTH - 1)
    height = dy / (dx * dx + dz * dz).sqrt()
    sv = (height * (SKY_HEIGHT / 0.4)).int().clamp(0, SKY_HEIGHT - 1)
    sky = table.sky[kind].int()[:, None] + sv * SKY_WIDTH
    index = torch.where(below[:, :, None], index, sky[:, :, None] + su[:, None]).view(-1)
    haze = (1.0 - height.clamp(0, 0.5) * 2.0) * batch.glow_share
    far = ((t - 12.0) / 30.0).clamp(0, 1) * 0.5 * batch.glow_share
    haze = torch.where(below, far, haze)[:, :, None]
    shape = (len(batch.scenes), side, side)
    colours = []
    for k in range(3):
        plain = torch.index_select(table.texels[k], 0, index).view(shape)
        keep = batch.floor_tint[k][:, :, None] * (1.0 - haze)
        colours.append(plain * keep + batch.glow[k][:, :, None] * haze)
    return torch.stack(colours), below


def _blur(image: Tensor, times: int) -> Tensor:
    """Binomial blur of [B,H,W] with the border repeated."""
    for _ in range(times):
        for axis in (1, 2):
            first, last = image.narrow(axis, 0, 1), image.narrow(axis, image.shape[axis] - 1, 1)
            wide = torch.cat([first, image, last], axis)
            n = image.shape[axis]
            image = 0.25 * wide.narrow(axis, 0, n) + 0.5 * image + 0.25 * wide.narrow(axis, 2, n)
    return image


def _shadow_window(batch: _Batch, index: int, size: int) -> Tensor | None:
    """Flat pixels of [B,size*size] that the shadow of part `index` may reach; None for all."""
    corners = _corners(batch, index)
    drop = corners[1] / batch.sun[1]
    columns, rows, ahead = _seen(batch, [corners[k] - drop * batch.sun[k] for k in range(3)])
    if float(ahead.min()) < 0.2:  # A shadow that runs past the camera.
        return None
    start = torch.zeros(1, 1)
    column, width = _window(columns, start, size, size)
    row, height = _window(rows, start, size, size)
    if width * height > 0.6 * size * size:
        return None
    return _flat_window(column, width, row, height, size, size)


def _flat_window(
    column: Tensor, width: int, row: Tensor, height: int, wide: int, tall: int
) -> Tensor:
    """Flat indices into [B,tall*wide] of windows that start at column, row [B,1]."""
    rows = torch.arange(len(row))[:, None] * tall + row + torch.arange(height)
    columns = column + torch.arange(width)
    return ((rows * wide)[:, :, None] + columns[:, None]).flatten()


def _shadow(batch: _Batch, size: int) -> Tensor:
    """Share of the sun's light that the subject takes from the floor, [B,size,size] in [0,1]."""
    ramp = torch.arange(size, dtype=torch.float32)
    dx, dy, dz = (d.view(-1, size, size) for d in _rays(batch, ramp[None], ramp[None], size))
    slope = dy[:, :, :1]  # the same all along a row
    below = slope < -1e-4
    t = torch.where(below, -batch.position[1][:, :, None] / slope, 1.0)
    x = (batch.position[0][:, :, None] + t * dx).flatten(1)
    z = (batch.position[2][:, :, None] + t * dz).flatten(1)
    below = below.expand(-1, -1, size).flatten(1)
    direction = [s + 1e-7 for s in batch.sun]
    ground = torch.full_like(batch.reach, 1e-3)
    near = below & (x * x + z * z < 36.0)
    dark = torch.zeros(x.shape, dtype=torch.bool)
    for index in range(len(batch.parts[0])):
        at = _shadow_window(batch, index, size)
        here = [x, z] if at is None else [c.view(-1).index_select(0, at) for c in (x, z)]
        here = [c.view(len(x), -1) for c in here]
        t = _hits(batch, index, [here[0], ground, here[1]], direction)
        hit = (t > 1e-3) & (t < FAR)
        if at is None:
            dark |= hit
        elif len(at):
            hit = hit.view(-1) | dark.view(-1).index_select(0, at)
            dark.view(-1).index_copy_(0, at, hit)
    hit = (near & dark).float()
    # Contact: the sky's light is missing under and right beside the subject.
    boxes = [bounds(parts) for parts in batch.parts]
    round_base = batch.subjects[0].class_word in ("ball", "mug", "tree", "snowman")
    hx = _column([0.5 * (b[1][0] - b[0][0]) if not round_base else b[1][2] for b in boxes])
    hz = _column([b[1][2] for b in boxes])
    if batch.subjects[0].class_word == "tree":
        hx, hz = hx * 0.55, hz * 0.55
    if round_base:
        gap = (x * x + z * z).sqrt() - hx * 0.8
    else:
        ex, ez = (x.abs() - hx).clamp(min=0), (z.abs() - hz).clamp(min=0)
        gap = (ex * ex + ez * ez).sqrt()
    contact = (1.0 - gap / 0.35).clamp(0, 1)
    contact = torch.where(below, contact * contact, 0.0)
    blurred = _blur(hit.view(-1, size, size), max(1, size // 64))
    total = torch.maximum(blurred * 0.85, 0.7 * contact.view(-1, size, size))
    return total


def _shade(batch: _Batch, hits: Tensor, part: int, rays: int, t: Tensor, direction):
    """Colour, canonical point and edge code of the hits on one part.

    hits: flat indices into [B,rays].
    """
    image = torch.div(hits, rays, rounding_mode="floor")
    shape, order, centre, half, taper = batch.part(part)

    def pick(column: Tensor) -> Tensor:
        return column[:, 0].index_select(0, image)

    ray = [d.view(-1).index_select(0, hits) for d in direction]
    depth = t.view(-1).index_select(0, hits)
    world = [pick(batch.position[k]) + depth * ray[k] for k in range(3)]
    halves = [pick(h) for h in half]
    local = [(world[k] - pick(c)) / h for k, c, h in zip(order, centre, halves, strict=True)]
    normal, face, u, v, turns = surface(shape, tuple(local), tuple(halves), pick(taper))
    n = [None, None, None]
    for position, k in enumerate(order):
        n[k] = normal[position]
    length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt().clamp(min=1e-9)
    n = [c / length for c in n]
    paint = batch.parts[0][part].paint
    spots = Spots(image, tuple(local), tuple(halves), tuple(world), face, u, v, turns)
    colour, gloss = albedo(paint, shape, batch.subjects, batch.parts, part, spots)
    sun = [pick(s) for s in batch.sun]
    facing = n[0] * sun[0] + n[1] * sun[1] + n[2] * sun[2]
    # Half-Lambert keeps the dark side readable; the floor gives back a little from below.
    wrapped = (0.5 + 0.5 * facing).clamp(min=0)
    light = 0.44 + 0.14 * n[1] + 0.58 * wrapped
    ground = (0.72 + world[1] * 0.9).clamp(max=1.0)
    light = light * ground
    norm = (ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]).sqrt()
    mirror = [s - r / norm for s, r in zip(sun, ray, strict=True)]
    span = (mirror[0] * mirror[0] + mirror[1] * mirror[1] + mirror[2] * mirror[2]).sqrt()
    shine = sum_of([n[k] * mirror[k] for k in range(3)]) / span.clamp(min=1e-6)
    shine = shine.clamp(min=0)
    for _ in range(5):
        shine = shine * shine
    shine = shine * gloss
    if any(scene.style == "cartoon" for scene in batch.scenes):
        cartoon = torch.tensor([s.style == "cartoon" for s in batch.scenes]).index_select(0, image)
        light = torch.where(cartoon, torch.where(facing > 0.0, 1.0, 0.72), light)
        shine = torch.where(cartoon, 0.0, shine)
    shaded = []
    for k in range(3):
        tint = pick(batch.tint[k])
        shaded.append(colour[k] * light * tint + shine * tint)
    middles, extents = zip(*canonical_parts(batch.subjects[0].class_word), strict=True)
    place = [None, None, None]
    for position, k in enumerate(order):
        place[k] = local[position] * extents[part][k] + middles[part][k]
    return shaded, place, ((part + 1) * 8 + face).int()


def sum_of(terms: list[Tensor]) -> Tensor:
    """Sum in the given order."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _lines(code: Tensor, width: int) -> Tensor:
    """Where the edge code [B,H,W] changes, `width` pixels wide; bool [B,H,W]."""
    edge = torch.zeros(code.shape, dtype=torch.bool)
    edge[:, 1:] |= code[:, 1:] != code[:, :-1]
    edge[:, :, 1:] |= code[:, :, 1:] != code[:, :, :-1]
    for _ in range(width - 1):
        wide = edge.clone()
        wide[:, :-1] |= edge[:, 1:]
        wide[:, :, :-1] |= edge[:, :, 1:]
        edge = wide
    return edge


def _styled(batch: _Batch, image: Tensor, code: Tensor, size: int) -> Tensor:
    """Draw sketches and cartoons over their photographs; image [3,B,S,S] at twice the size."""
    width = max(2, round(2 * size / 64))
    inside = code > 0
    for style in ("sketch", "cartoon"):
        chosen = [i for i, scene in enumerate(batch.scenes) if scene.style == style]
        if not chosen:
            continue
        at = torch.tensor(chosen)
        lines = _lines(code[at], width)
        picture = image[:, at]
        grey = picture[0] * 0.3 + picture[1] * 0.59 + picture[2] * 0.11
        if style == "cartoon":
            # Posterised by brightness, so that hues stay.
            steps = ((grey * 7.0 + 0.5).floor().clamp(min=1.0) / 7.0) / grey.clamp(min=1e-3)
            flat = (picture * torch.where(inside[at], 1.0, steps)).clamp(0, 1)
            image[:, at] = torch.where(lines, 0.04, flat)
            continue
        soft = _blur(grey, 1)
        dx, dy = torch.zeros_like(soft), torch.zeros_like(soft)
        dx[:, :, 1:-1] = soft[:, :, 2:] - soft[:, :, :-2]
        dy[:, 1:-1] = soft[:, 2:] - soft[:, :-2]
        stroke = ((dx * dx + dy * dy).sqrt() * 2.6 - 0.05).clamp(0, 0.8)
        paper = 0.40 + 0.58 * grey
        grey = torch.where(lines, 0.1, paper * (1.0 - stroke)).clamp(0, 1)
        image[:, at] = grey.expand(3, *grey.shape)
    return image


def _render_class(subjects: Sequence[Subject], scenes: Sequence[Scene], size: int) -> Renders:
    """Render images whose subjects are of one class."""
    batch = _Batch(subjects, scenes)
    count, side = len(subjects), 2 * size
    canvas, below = _background(batch, side)
    dark = _shadow(batch, size)
    strength = _column([0.35 if s.background == "night" else 0.55 for s in scenes])
    dark = 1.0 - strength[:, :, None] * dark
    dark = dark.repeat_interleave(2, 1).repeat_interleave(2, 2)
    canvas *= torch.where(below[:, :, None], dark, 1.0)

    first, top, wide, tall = _crop(batch, side)
    columns, rows = first + torch.arange(wide), top + torch.arange(tall)
    direction = _rays(batch, columns.float(), rows.float(), side)
    t, which = _trace(batch, direction, first, top, wide, tall, side)
    rows = (torch.arange(count)[:, None] * side + rows) * side
    target = rows[:, :, None] + columns[:, None]
    target, flat = target.view(-1), which.view(-1)
    canvas = canvas.view(3, -1)
    points = torch.zeros(3, count * wide * tall)
    code = torch.zeros(count * wide * tall, dtype=torch.int32)
    for part in range(len(batch.parts[0])):
        hits = (flat == part).nonzero()[:, 0]
        if not len(hits):
            continue
        shaded, place, edge = _shade(batch, hits, part, wide * tall, t, direction)
        at = target.index_select(0, hits)
        for k in range(3):
            canvas[k].index_copy_(0, at, shaded[k])
            points[k].index_copy_(0, hits, place[k])
        code.index_copy_(0, hits, edge)
    canvas = canvas.clamp_(0, 1).view(3, count, side, side)
    if any(scene.style != "photo" for scene in scenes):
        whole = torch.zeros(count * side * side, dtype=torch.int32).index_copy_(0, target, code)
        canvas = _styled(batch, canvas, whole.view(count, side, side), size)

    rgb = sum_of(_quarters(canvas)) * 0.25
    crop = (count, tall, wide)
    mask = sum_of([q.int() for q in _quarters((code > 0).view(crop))]) >= 2
    near, seen = None, None
    for d, p in zip(_quarters(t.view(crop)), _quarters(points.view(3, *crop)), strict=True):
        if near is None:
            near, seen = d, p
            continue
        closer = d < near
        near, seen = torch.where(closer, d, near), torch.where(closer, p, seen)
    level = 0.6 + (batch.reach[:, :, None] - near) * (0.4 / DEPTH_RANGE)
    level = torch.where(mask, level.clamp(0.2, 1.0), 0.0)
    seen = torch.where(mask, seen, 0.0).permute(1, 2, 3, 0)
    out = _blank(count, size)
    for i, (column, row) in enumerate(zip(first[:, 0].tolist(), top[:, 0].tolist(), strict=True)):
        place = (i, slice(row // 2, (row + tall) // 2), slice(column // 2, (column + wide) // 2))
        out.depth[place], out.mask[place], out.points[place] = level[i], mask[i], seen[i]
    return out._replace(rgb=(rgb * 255.0 + 0.5).to(torch.uint8).permute(1, 2, 3, 0))


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


def render(subjects: Sequence[Subject], scenes: Sequence[Scene], size: int = 64) -> Renders:
    """Render `subjects[i]` in `scenes[i]` at size x size pixels, 2 x 2 rays a pixel.

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
