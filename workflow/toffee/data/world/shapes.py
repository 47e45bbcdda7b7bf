"""Ray intersection with unit shapes, in plain arithmetic.

Only operations that IEEE 754 rounds exactly (+, -, *, /, sqrt, comparisons) are used, so a ray's
result does not depend on where in a batch, and so in which vector lane, it is computed.
Rays are given in the shape's own frame: origin components [B,1], direction components [B,R].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce

import torch
from torch import Tensor

FAR = 1e9
"""Ray parameter of a miss."""

Triple = tuple[Tensor, Tensor, Tensor]
"""Components along three axes."""
Intersect = Callable[[Triple, Triple, Tensor], Tensor]
"""Origin, direction and taper [B,1] to the nearest ray parameter [B,R]."""
Plane = tuple[float | Tensor, float | Tensor, float | Tensor, float | Tensor]
"""Half space n . p <= k, as (nx, ny, nz, k)."""


def triple(values: Iterable[Tensor]) -> Triple:
    """Exactly three components."""
    x, y, z = values
    return x, y, z


_EDGE = 2e-3  # how close to a cap, in unit-shape coordinates, counts as on it


def _clip(origin: Triple, inverse: Triple) -> tuple[Tensor, Tensor]:
    """Entry and exit of the cube [-1,1]^3."""
    lows, highs = [], []
    for o, i in zip(origin, inverse, strict=True):
        a, b = (-1.0 - o) * i, (1.0 - o) * i
        lows.append(torch.minimum(a, b))
        highs.append(torch.maximum(a, b))
    return reduce(torch.maximum, lows), reduce(torch.minimum, highs)


def _box(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
    near, far = _clip(origin, triple(1.0 / d for d in direction))
    return torch.where(near < far, near, FAR)


def _sphere(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    a = dx * dx + dy * dy + dz * dz
    b = ox * dx + oy * dy + oz * dz
    c = ox * ox + oy * oy + oz * oz - 1.0
    root = b * b - a * c
    return torch.where(root > 0, (-b - root.clamp(min=0).sqrt()) / a, FAR)


def _frustum(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
    """Round solid about y: radius 1 at y = -1, `taper` at y = 1."""
    best = _cone(origin, direction, taper)
    return torch.minimum(best, _cap(origin, direction, -1.0, 1.0))


def _pillar(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
    """A frustum whose foot no ray enters first: from above it is hidden."""
    return _cone(origin, direction, taper)


def _cone(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
    """Side and top of a frustum."""
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    mean, slope = (1.0 + taper) * 0.5, (taper - 1.0) * 0.5
    start = mean + slope * oy
    a = dx * dx + dz * dz - slope * slope * dy * dy
    b = ox * dx + oz * dz - slope * start * dy
    c = ox * ox + oz * oz - start * start
    root = b * b - a * c
    real = root > 0
    square = root.clamp_(min=0).sqrt_()
    sides = []
    for sign in (-1.0, 1.0):
        t = (sign * square - b) / a
        y = oy + t * dy
        sides.append(torch.where(real & (y.abs_() <= 1.0) & (t > 0), t, FAR))
    best = torch.minimum(*sides)
    if bool((taper > 0).any()):
        best = torch.minimum(best, _cap(origin, direction, 1.0, taper * taper))
    return best


def _cap(origin: Triple, direction: Triple, height: float, square: Tensor | float) -> Tensor:
    """Disc of squared radius `square` at y = `height`."""
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    t = (height - oy) / dy
    x, z = ox + t * dx, oz + t * dz
    return torch.where((x * x + z * z <= square) & (t > 0), t, FAR)


def _cylinder(
    ox: Tensor, oz: Tensor, dx: Tensor, dz: Tensor, square: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Entry and exit of an endless cylinder about the third axis (entry > exit: a miss)."""
    a = dx * dx + dz * dz
    b = ox * dx + oz * dz
    root = b * b - a * (ox * ox + oz * oz - square)
    half = root.clamp(min=0).sqrt()
    hit = root > 0
    return torch.where(hit, (-b - half) / a, FAR), torch.where(hit, (half - b) / a, -FAR)


def _cup(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
    """Cylinder about y, open at the top, hollow to `taper` of its radius; seen from above."""
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    near, far = _cylinder(ox, oz, dx, dz, 1.0)
    top, bottom = (1.0 - oy) / dy, (-1.0 - oy) / dy
    enter = torch.maximum(near, torch.minimum(top, bottom))
    leave = torch.minimum(far, torch.maximum(top, bottom))
    x, z = ox + top * dx, oz + top * dz
    inner = taper * taper
    hole = (enter == top) & (x * x + z * z < inner)
    _, wall = _cylinder(ox, oz, dx, dz, inner)
    floor = (-0.85 - oy) / dy
    t = torch.where(hole, torch.minimum(wall, floor), enter)
    return torch.where(enter < leave, t, FAR)


def _ring(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
    """Flat ring about z with a hole of `taper` of its radius."""
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    near, far = _cylinder(ox, oy, dx, dy, 1.0)
    a, b = (-1.0 - oz) / dz, (1.0 - oz) / dz
    near = torch.maximum(near, torch.minimum(a, b))
    far = torch.minimum(far, torch.maximum(a, b))
    hole_in, hole_out = _cylinder(ox, oy, dx, dy, taper * taper)
    t = torch.where((hole_in < near) & (near < hole_out), hole_out, near)
    return torch.where((near < far) & (t < far), t, FAR)


def _planes(shape: str, taper: Tensor) -> list[Plane]:
    """The half spaces whose common part is a convex shape."""
    if shape == "gable":  # ridge along x at y = 1
        return [(0, 0.5, 1, 0.5), (0, 0.5, -1, 0.5), (1, 0, 0, 1), (-1, 0, 0, 1), (0, -1, 0, 1)]
    lean, mean = (1.0 - taper) * 0.5, (1.0 + taper) * 0.5
    sides = 0.12
    return [
        (1, lean, 0, mean),
        (-1, lean, 0, mean),
        (0, sides, 1, 1 - sides),
        (0, sides, -1, 1 - sides),
        (0, 1, 0, 1),
        (0, -1, 0, 1),
    ]


def _dot(plane: Plane, vector: Triple) -> Tensor:
    terms = [n * v for n, v in zip(plane, vector, strict=False) if isinstance(n, Tensor) or n]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _convex(shape: str) -> Intersect:
    def intersect(origin: Triple, direction: Triple, taper: Tensor) -> Tensor:
        entries, exits = [], []
        for plane in _planes(shape, taper):
            speed = _dot(plane, direction)
            t = (plane[3] - _dot(plane, origin)) / speed
            entries.append(torch.where(speed < 0, t, -FAR))
            exits.append(torch.where(speed < 0, FAR, t))
        near, far = reduce(torch.maximum, entries), reduce(torch.minimum, exits)
        return torch.where(near < far, near, FAR)

    return intersect


INTERSECT: dict[str, Intersect] = {
    "box": _box,
    "sphere": _sphere,
    "frustum": _frustum,
    "pillar": _pillar,
    "cup": _cup,
    "ring": _ring,
    "gable": _convex("gable"),
    "tapered": _convex("tapered"),
}
"""By the name of the unit shape."""


def arctangent(y: Tensor, x: Tensor) -> Tensor:
    """atan2 in turns, [-0.5, 0.5], to about 1e-5, in exactly rounded operations only."""
    ax, ay = x.abs(), y.abs()
    q = torch.minimum(ax, ay) / torch.maximum(torch.maximum(ax, ay), torch.full_like(ax, 1e-12))
    s = q * q
    r = ((((0.0208351 * s - 0.0851330) * s + 0.1801410) * s - 0.3302995) * s + 0.9998660) * q
    r = r * 0.15915494
    r = torch.where(ay > ax, 0.25 - r, r)
    r = torch.where(x < 0, 0.5 - r, r)
    return torch.where(y < 0, -r, r)


def _signs(value: Tensor) -> Tensor:
    return torch.where(value < 0, -1.0, 1.0)


def surface(
    shape: str, point: Triple, half: Triple, taper: Tensor
) -> tuple[Triple, Tensor, Tensor, Tensor, bool]:
    """Normal, face and surface coordinates of points on a unit shape.

    Args:
        point: coordinates in the unit shape's frame, each [N].
        half: the part's half sizes in the shape's own axes, each [N].
        taper: [N].

    Returns:
        normal in the world's scale but the shape's axes (each [N], not normalised), face code
        int64 [N], turns or units along the surface (u [N], v [N]), and whether u counts turns.
    """
    if shape in ("sphere", "frustum", "pillar", "cup", "ring"):
        return _round_surface(shape, point, half, taper)
    x, y, z = point
    hx, hy, hz = half
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    planes: list[Plane] = (
        _planes(shape, taper)
        if shape != "box"
        else [(1, 0, 0, 1), (-1, 0, 0, 1), (0, 1, 0, 1), (0, -1, 0, 1), (0, 0, 1, 1), (0, 0, -1, 1)]
    )
    best = torch.full_like(x, -FAR)
    normal, face = [zero, zero, zero], zero.long()
    for code, plane in enumerate(planes):
        # Comparing scaled distances picks the face that the point lies on.
        gap = _dot(plane, point) - plane[3]
        closer = gap > best
        best = torch.where(closer, gap, best)
        face = torch.where(closer, code, face)
        normal = [torch.where(closer, one * plane[k], normal[k]) for k in range(3)]
    nx, ny, nz = (n / h for n, h in zip(normal, half, strict=True))
    wide, tall, deep = nx.abs(), ny.abs(), nz.abs()
    upward = (tall >= wide) & (tall >= deep)
    sideways = (wide > deep) & ~upward
    u = torch.where(sideways, z * hz, x * hx)
    v = torch.where(upward, z * hz, y * hy)
    return (nx, ny, nz), face, u, v, False


def _round_surface(
    shape: str, point: Triple, half: Triple, taper: Tensor
) -> tuple[Triple, Tensor, Tensor, Tensor, bool]:
    """`surface` of a shape that is round."""
    x, y, z = point
    hx, hy, hz = half
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    if shape == "sphere":
        return (x / hx, y / hy, z / hz), zero.long(), arctangent(x, z), y * hy, True
    if shape in ("frustum", "pillar", "cup"):
        slope, mean = (taper - 1.0) * 0.5, (taper + 1.0) * 0.5
        radius = x * x + z * z
        up = y > 1.0 - _EDGE
        cap = up | (y < -1.0 + _EDGE)
        nx, ny, nz = x, -slope * (mean + slope * y), z
        face = torch.where(up, 1, torch.where(cap, 2, 0))
        if shape == "cup":
            inside = (radius < (taper + 0.02) * (taper + 0.02)) & (y < 1.0 - _EDGE)
            ground = inside & (y < -0.85 + _EDGE)
            ny = torch.where(ground, one, zero)
            nx = torch.where(ground, zero, torch.where(inside, -x, x))
            nz = torch.where(ground, zero, torch.where(inside, -z, z))
            face = torch.where(inside, 3, face)
        nx, nz = torch.where(cap, zero, nx), torch.where(cap, zero, nz)
        ny = torch.where(cap, _signs(y), ny)
        return (nx / hx, ny / hy, nz / hz), face, arctangent(x, z), y * hy, True
    flat = z.abs() > 1.0 - _EDGE
    middle = (1.0 + taper) * 0.5
    sign = torch.where(x * x + y * y > middle * middle, one, -one)
    nx, ny = torch.where(flat, zero, x * sign), torch.where(flat, zero, y * sign)
    nz = torch.where(flat, _signs(z), zero)
    face = torch.where(flat, 1, torch.where(sign > 0, 0, 2))
    return (nx / hx, ny / hy, nz / hz), face, x * hx, y * hy, False
