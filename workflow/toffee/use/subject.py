"""The subject in a photo: where it is, and how that is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from toffee.data.loaders.images import read_array, read_mask
from toffee.models.segmenter import Segmenter, load_segmenter
from toffee.runtime.errors import ToffeeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 1024
"""Pixels of the longer edge of the picture that a segmenter looks at."""

DIMMED = 0.35
"""Brightness outside of the subject where a mask is shown."""

OUTLINE = (255, 0, 200)

SEEN = 256
"""Pixels of the shorter edge that a picture with its mask has at least."""


def read_photo(path: Path) -> Image.Image:
    """A picture in RGB. Raises ToffeeError where it is none."""
    return Image.fromarray(read_array(path))


def read_own_mask(path: Path, picture: Image.Image) -> NDArray[np.bool_]:
    """A mask [H,W] that the user made for a picture.

    Raises:
        ToffeeError: it is none, has another size than the picture, or shows nothing.
    """
    mask = read_mask(path, size=picture.size).numpy()
    if not mask.any():
        raise ToffeeError(f"{path}: the mask is black, expected white where the subject is")
    return mask


@lru_cache(maxsize=1)
def segmenter_of(folder: str, detector: str | None) -> Segmenter:
    """A segmenter. The last one stays loaded."""
    return load_segmenter(folder, detector)


def class_word(segmenter: Segmenter, word: str, prompts: Iterable[str]) -> str:
    """What the segmenter is asked for: the given word, or the one that all prompts name.

    Raises:
        ToffeeError: the prompts do not say it, or the segmenter does not know the word.
    """
    labels = [one for one in getattr(segmenter, "labels", ()) if one != "background"]
    words = {one for prompt in prompts for one in re.findall(r"[^\W\d_]+", prompt.lower())}
    known = f"one of {', '.join(labels)}" if labels else "what it is, e.g. teapot"
    if word:
        if labels and word not in labels:
            raise ToffeeError(
                f"--word {word}: the segmenter does not know it, expected {known}; or give --mask"
            )
        return word
    named = [one for one in labels if one in words]
    if len(named) != 1:
        found = f"the prompt names {' and '.join(named)}" if named else "the prompt names none"
        raise ToffeeError(f"which object is it? {found}, expected --word {known}; or --mask FILE")
    return named[0]


def find_subject(
    segmenter: Segmenter, picture: Image.Image, word: str, name: object
) -> NDArray[np.bool_]:
    """Where an object is in a picture, [H,W] at the picture's own size.

    Args:
        name: of the picture, for the error.

    Raises:
        ToffeeError: it is not found.
    """
    import torch

    small = picture.copy()
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1).float().div(255)
    mask = segmenter.segment(pixels[None], [word])[0].numpy()
    if not mask.any():
        raise ToffeeError(
            f"{name}: no {word} was found, expected one in the picture; give its mask with --mask"
        )
    shown = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(shown.resize(picture.size, Image.Resampling.BILINEAR)) >= 128


def square_around(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The square (left, top, right, bottom) of a picture that the model looks at, as large as fits:
    the picture's middle where that has all of the subject, else around the subject's middle."""
    height, width = mask.shape
    side = min(height, width)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))

    def start(length: int, first: int, last: int) -> int:
        free, middle = length - side, (first + last + 1 - side) // 2
        inside = (length - side) // 2
        if inside <= first and last < inside + side:
            return inside
        return max(0, min(free, middle))

    left = start(width, int(columns[0]), int(columns[-1]))
    top = start(height, int(rows[0]), int(rows[-1]))
    return left, top, left + side, top + side


def as_picture(mask: NDArray[np.bool_]) -> Image.Image:
    """A mask as a picture, white where it is set."""
    return Image.fromarray(mask.astype(np.uint8) * 255)


def shown(picture: Image.Image, mask: NDArray[np.bool_]) -> Image.Image:
    """A picture with its mask: dark outside, with a line around what is inside."""
    times = -(-SEEN // min(picture.size))
    pixels = np.array(picture.convert("RGB")).repeat(times, 0).repeat(times, 1)
    mask = mask.repeat(times, 0).repeat(times, 1)
    outside = ~mask
    pixels[outside] = (pixels[outside] * DIMMED).astype(np.uint8)
    width = max(1, min(mask.shape) // 200)
    edge = np.zeros_like(mask)
    for axis in (0, 1):
        for step in (-width, width):
            moved = np.roll(mask, step, axis)
            edge |= moved & outside
    edge[:width, :] = edge[-width:, :] = edge[:, :width] = edge[:, -width:] = False
    pixels[edge] = OUTLINE
    return Image.fromarray(pixels)
