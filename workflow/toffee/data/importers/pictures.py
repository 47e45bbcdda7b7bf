"""Cutting pictures and masks of a source to small squares, as this project stores them."""

import io
from typing import Literal, overload

import numpy as np
from PIL import Image

from toffee.data.faults import SetAside
from toffee.data.pictures import MOST_PIXELS, decoded, mask_of, rgb


def decode_image(data: bytes, file: str) -> Image.Image:
    """A picture in RGB by the rules of `toffee.data.pictures`, as `read_image` reads it.

    Raises:
        SetAside: it is truncated, no picture, or not understood.
    """
    try:
        return rgb(decoded(data))
    except ValueError as error:
        raise SetAside(file, "broken image", error) from error


def decode_mask(data: bytes, file: str, any_value: bool = False) -> np.ndarray:
    """A subject's mask, bool [H, W], by the rules of `toffee.data.pictures`.

    Args:
        data: of a picture.
        file: what a fault names.
        any_value: whether the subject is every value above 0 of a mask without an alpha channel.

    Raises:
        SetAside: it is truncated, no picture, or not understood.
    """
    try:
        return mask_of(decoded(data), any_value=any_value)
    except ValueError as error:
        raise SetAside(file, "broken mask", error) from error


@overload
def square(
    picture: Image.Image, mask: np.ndarray, resolution: int, file: str
) -> tuple[bytes, bytes]: ...
@overload
def square(picture: Image.Image, mask: None, resolution: int, file: str) -> tuple[bytes, None]: ...
def square(
    picture: Image.Image, mask: np.ndarray | None, resolution: int, file: str
) -> tuple[bytes, bytes | None]:
    """Cut a square out of a picture and its mask, and resize both.

    The square is the largest one, as near to the centre as it can be with the whole mask in it
    (without a mask: at the centre, as `read_image` cuts). Where the mask is longer than the
    picture's short side, the square is as long as the mask, and the picture's edges are repeated
    beyond its ends.

    Args:
        picture: RGB.
        mask: bool [H, W] of the picture, or None.
        resolution: side in pixels.
        file: what a fault names.

    Returns:
        JPEG (quality 95) and PNG (None without a mask).

    Raises:
        SetAside: the mask has another size than the picture, no pixel, or is far too long.
    """
    if mask is not None:
        if mask.shape != (picture.height, picture.width):
            raise SetAside(
                file,
                "mask of another size",
                f"mask is {mask.shape[1]} x {mask.shape[0]} pixels, "
                f"expected {picture.width} x {picture.height} as its image",
            )
        if not mask.any():
            raise SetAside(file, "empty mask", "no pixel is set")
    left, top, side = window(picture.size, mask)
    if side * side > MOST_PIXELS:
        raise SetAside(
            file,
            "mask of another shape",
            f"in a picture of {picture.width} x {picture.height} pixels it is {side} long, "
            f"expected a square around it of at most {MOST_PIXELS} pixels",
        )
    small = _resized(_cut(picture, left, top, side, "edge"), resolution, Image.Resampling.LANCZOS)
    image = io.BytesIO()
    small.save(image, "JPEG", quality=95, subsampling=0)
    if mask is None:
        return image.getvalue(), None
    plane = _cut(Image.fromarray(mask.view(np.uint8) * 255), left, top, side, "constant")
    plane = _resized(plane, resolution, Image.Resampling.BOX).point(
        lambda value: value >= 128 and 255
    )
    if not plane.getbbox():
        raise SetAside(file, "empty mask", f"smaller than a pixel at {resolution} pixels a side")
    out = io.BytesIO()
    plane.save(out, format="PNG")
    return image.getvalue(), out.getvalue()


def window(size: tuple[int, int], mask: np.ndarray | None) -> tuple[int, int, int]:
    """Left, top and side of the square that `square` cuts; left or top is negative where the square
    is longer than the picture."""
    width, height = size
    side = min(size)
    if mask is None:
        return (width - side) // 2, (height - side) // 2, side
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    bounds = [(int(places[0]), int(places[-1]) + 1) for places in (columns, rows)]
    side = max(side, *(end - start for start, end in bounds))
    left, top = (
        min(max((length - side) // 2, end - side), start)
        for length, (start, end) in zip(size, bounds, strict=True)
    )
    return left, top, side


def evenly(count: int, wanted: int) -> list[int]:
    """At most `wanted` places among `count`, spread evenly: the middles of as many equal parts."""
    wanted = min(count, wanted)
    return [(2 * place + 1) * count // (2 * wanted) for place in range(wanted)]


def _cut(
    picture: Image.Image, left: int, top: int, side: int, mode: Literal["edge", "constant"]
) -> Image.Image:
    """A square of a picture, and what `mode` says around it."""
    right, bottom = left + side, top + side
    inside = (max(0, left), max(0, top), min(picture.width, right), min(picture.height, bottom))
    pixels = picture.crop(inside)
    if pixels.size == (side, side):
        return pixels
    around: list[tuple[int, int]] = [
        (inside[1] - top, bottom - inside[3]),
        (inside[0] - left, right - inside[2]),
        *[(0, 0)] * (len(picture.getbands()) > 1),
    ]
    return Image.fromarray(np.pad(np.asarray(pixels), around, mode=mode))


def _resized(picture: Image.Image, resolution: int, filter: Image.Resampling) -> Image.Image:
    size = (resolution, resolution)
    return picture if picture.size == size else picture.resize(size, filter)
