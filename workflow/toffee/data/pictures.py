"""How a picture and a mask are understood. This is the one place that says so.

Every loader, importer and the exported pipeline (which has a copy of this file) reads by these
rules:

- Formats: those of `FORMATS`, which Pillow decodes by itself. No external program is ever started.
- A picture is turned by its EXIF orientation, taken from its colour profile to sRGB, and laid over
  white where it is transparent. 16-bit grey covers 0 to 65535, float grey 0 to 1. Of several frames
  the first one counts.
- A mask is white where the subject is. Its alpha channel counts if that is not constant, else its
  brightness. Of only two values of which one is 0, the other one is the subject: 0 and 1, or black
  and one colour of a palette. Else a pixel counts from half of the full range on.
- What these rules do not cover is refused with the reason: a mask of several colours, one whose
  brightest value is below the half, and one that looks inverted.

Needs Pillow and NumPy only, so that a folder with the pipeline stands alone.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = (
    *("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "JPEG2000", "PPM", "TGA"),
    *("ICO", "PCX", "SGI", "QOI", "DIB"),
)
MOST_PIXELS = 80_000_000
"""Most pixels of a picture that is decoded: a small file can hold one that fills the memory. With
so many, no picture or mask takes more than 1 GB."""
COSTLY = {"JPEG2000": 40_000_000, "WEBP": 40_000_000, "AVIF": 40_000_000}
"""The same for formats whose decoders take up to 20 bytes for a pixel."""
STRIP = 1 << 20
"""Pixels that are converted at a time where that takes many bytes for each."""
LARGEST = 1 << 28
"""Largest file in bytes that is read: a larger one is no picture."""

COLOURED = 48
"""Between the channels of a grey pixel there is at most this difference: JPEG adds some."""


def read_file(path: str | os.PathLike) -> bytes:
    """The bytes of a picture's file.

    Raises:
        ValueError: it is no regular file (a device or a pipe would never end), or too large.
        OSError: it is missing or cannot be read.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not Path(path).is_file():
            raise ValueError("no regular file")
        if os.fstat(file.fileno()).st_size > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")
        return file.read(LARGEST)


def decoded(data: bytes) -> Image.Image:
    """A picture with all of its pixels, upright, in its own colours.

    Raises:
        ValueError: it is truncated, too large, or of no known format.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            most = COSTLY.get(str(picture.format), MOST_PIXELS)
            if picture.width * picture.height > most:
                raise ValueError(f"more than {most} pixels")
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            return picture
    except UnidentifiedImageError as error:  # its text has a memory address, which changes
        raise ValueError("of no known format") from error
    except ValueError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error...
        raise ValueError(f"{type(error).__name__}: {error}") from error


def rgb(picture: Image.Image, profile: bool = True) -> Image.Image:
    """A picture in RGB, laid over white.

    Args:
        picture: upright, as `decoded` gives it.
        profile: whether its colour profile counts; without it the stored numbers are taken as sRGB.

    Raises:
        ValueError: its colour profile or its range of values is not understood.
    """
    icc = picture.info.get("icc_profile") if profile else None
    if _is_deep(picture):
        full = _full_range(picture)
        grey = Image.new("L", picture.size)
        for top, values in _values(picture):
            bytes_ = np.round(values * (255 / full)).astype(np.uint8)
            grey.paste(Image.fromarray(bytes_), (0, top))
        return _in_srgb(grey, icc) if icc else grey.convert("RGB")
    if not _is_transparent(picture):
        return _in_srgb(picture, icc) if icc else picture.convert("RGB")
    whole = Image.new("RGB", picture.size)
    for top, strip in _strips(picture):
        strip = strip.convert("RGBA")
        if icc:
            alpha = strip.getchannel("A")
            strip = _in_srgb(strip.convert("RGB"), icc).convert("RGBA")
            strip.putalpha(alpha)
        white = Image.new("RGBA", strip.size, "white")
        whole.paste(Image.alpha_composite(white, strip).convert("RGB"), (0, top))
    return whole


def mask_of(picture: Image.Image, subject: bool = True, any_value: bool = False) -> np.ndarray:
    """A mask as bool [H, W] by the rules above.

    Args:
        picture: upright, as `decoded` gives it.
        subject: whether it shows a subject; one of what may change can be white all around.
        any_value: whether every value above 0 is set, where no alpha channel says more.

    Raises:
        ValueError: it is not understood; the text says what was found and expected.
    """
    if _is_transparent(picture) and not _is_deep(picture):
        alpha = _channels(picture, "RGBA", 3)[0]
        if alpha.min() != alpha.max():
            return upright(set_values(alpha, 255), subject)
    if any_value and not _is_deep(picture):
        return upright(_channels(picture, "RGB").max(0) > 0, subject)
    if picture.mode == "1":
        return upright(np.asarray(picture), subject)
    if _is_deep(picture):
        full = _full_range(picture)
        return upright(
            set_values(np.concatenate([one for _, one in _values(picture)]), full), subject
        )
    if picture.mode in ("L", "LA"):
        return upright(set_values(np.asarray(picture.getchannel(0)), 255), subject)
    colours = _channels(picture, "RGB")
    brightest = colours.max(0)
    if int((brightest - colours.min(0)).max()) <= COLOURED:
        grey = _channels(picture, "L")[0]
    else:  # black is 0; two colours are told apart by their brightness, more cannot be
        grey = (brightest > 0).view(np.uint8)
        row, column = np.unravel_index(grey.argmax(), grey.shape)
        alike = [plane == plane[row, column] for plane in colours]
        if grey.all() or (grey > np.logical_and.reduce(alike)).any():
            raise ValueError("has several colours, expected white where the subject is")
    return upright(set_values(grey, 255), subject)


def set_values(values: np.ndarray, full: float) -> np.ndarray:
    """Where the values of a mask say that it is set, bool of the same shape.

    Args:
        values: integers from 0 to `full`, or floats from 0 to 1.
        full: the greatest value that their type can have.

    Raises:
        ValueError: the brightest value is not 0 and below the half.
    """
    least, most = values.min(initial=full), values.max(initial=0)
    whole = values.dtype.kind in "iu"
    if whole and (most == 1 or (least == 0 and ((values == 0) | (values == most)).all())):
        result: np.ndarray = values > 0
        return result
    if 0 < most < full / 2:
        raise ValueError(f"the brightest value is {most:g} of {full:g}, expected {full:g}")
    return values >= full / 2


def upright(mask: np.ndarray, subject: bool) -> np.ndarray:
    """A mask [H,W] as it is given.

    Raises:
        ValueError: it shows a subject, and is white all around and black inside.
    """
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    if subject and all(edge.all() for edge in edges) and not mask.all():
        raise ValueError("is white all around and black inside, expected white on the subject")
    return mask


def _is_deep(picture: Image.Image) -> bool:
    """Whether it is grey with more than 8 bits."""
    return picture.mode in ("I", "F") or picture.mode.startswith("I;")


def _is_transparent(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info


def _strips(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """A picture in strips of rows, each with its place."""
    rows = max(1, STRIP // picture.width)
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        yield top, picture.crop((0, top, picture.width, bottom))


def _values(picture: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """The values of a picture in strips of rows, each with its place."""
    return ((top, np.asarray(strip)) for top, strip in _strips(picture))


def _channels(picture: Image.Image, mode: str, first: int = 0) -> np.ndarray:
    """The channels of a picture in a mode from one on, uint8 [C, H, W]."""
    count = len(mode) - first
    planes = np.empty((count, picture.height, picture.width), np.uint8)
    for top, strip in _strips(picture):
        strip = strip.convert(mode)
        for plane in range(count):
            planes[plane, top : top + strip.height] = np.asarray(strip.getchannel(first + plane))
    return planes


def _full_range(picture: Image.Image) -> float:
    """The greatest value that a grey picture of more than 8 bits can have.

    Raises:
        ValueError: it has others.
    """
    full = 1.0 if picture.mode == "F" else 65535.0
    ranges = np.array([(values.min(), values.max()) for _, values in _values(picture)])
    least, most = ranges[:, 0].min(), ranges[:, 1].max()
    if not (least >= 0 and most <= full):  # NaN is neither
        raise ValueError(f"has values from {least:g} to {most:g}, expected 0 to {full:g}")
    return full


def _in_srgb(picture: Image.Image, icc: bytes) -> Image.Image:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if "srgb" in ImageCms.getProfileDescription(profile).lower():
            return picture.convert("RGB")
        space = str(profile.profile.xcolor_space).strip()
        mode = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK", "LAB": "LAB"}[space]
        if picture.mode != mode:
            if "CMYK" in (picture.mode, mode):
                raise ValueError(f"is for {space}, the picture is {picture.mode}")
            picture = picture.convert(mode)
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
    except (OSError, KeyError, ValueError, ImageCms.PyCMSError) as error:
        raise ValueError(f"its colour profile cannot be used ({error})") from error
    assert converted is not None  # only None where it is changed in place
    return converted
