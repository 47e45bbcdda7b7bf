"""Images and masks as the bytes of JPEG and PNG files."""

import io
from typing import Literal

import numpy as np
from PIL import Image

from toffee.runtime.errors import ToffeeError

MINIMUM_QUALITY = 95

MOST_PIXELS = 80_000_000
"""Most pixels of an image that is decoded, as `toffee.data.pictures` has it, which cannot import it
from here: a copy of that file stands alone. A small file can hold one that fills the memory."""

ImageFormat = Literal["jpeg", "png", "mask"]


def encode(image: np.ndarray, format: ImageFormat, quality: int = MINIMUM_QUALITY) -> bytes:
    """Encode one image or mask.

    Args:
        image: uint8 [H, W, 3] RGB for `jpeg` and `png`, bool [H, W] for `mask`.
        format: `jpeg` (4:4:4, lossy), `png` (lossless), `mask` (1-bit PNG, lossless).
        quality: JPEG quality, 1 to 100.

    Raises:
        ToffeeError: the array's type or shape does not fit the format.
    """
    image = np.asarray(image)
    buffer = io.BytesIO()
    if format == "mask":
        if image.dtype != np.bool_ or image.ndim != 2:
            raise ToffeeError(
                f"expected a mask of bool [H, W], not {image.dtype} {list(image.shape)}"
            )
        Image.fromarray(image).save(buffer, "PNG")
    else:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ToffeeError(
                f"expected an image of uint8 [H, W, 3], not {image.dtype} {list(image.shape)}"
            )
        picture = Image.fromarray(np.ascontiguousarray(image))
        if format == "jpeg":
            picture.save(buffer, "JPEG", quality=quality, subsampling=0)
        else:
            picture.save(buffer, "PNG")
    return buffer.getvalue()


def decode(data: bytes | memoryview) -> np.ndarray:
    """Decode what `encode` made: uint8 [H, W, 3], or bool [H, W] of a mask. It is read-only.

    Raises:
        ToffeeError: it has more than `MOST_PIXELS` pixels.
    """
    # Only the formats that are written are tried, and nothing is copied without need.
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            found = f"{picture.width} x {picture.height}"
            raise ToffeeError(f"expected an image of at most {MOST_PIXELS} pixels, not {found}")
        return np.asarray(picture if picture.mode in ("1", "RGB") else picture.convert("RGB"))


def check_format(data: bytes, format: ImageFormat) -> None:
    """Check that encoded bytes can be stored as an image of this format.

    Raises:
        ToffeeError: they cannot.
    """
    png = data.startswith(b"\x89PNG\r\n\x1a\n")
    fits = {
        "jpeg": png or data.startswith(b"\xff\xd8\xff"),
        "png": png,
        "mask": png and data[24:26] == b"\x01\x00",  # bit depth 1, grey
    }
    if not fits[format]:
        raise ToffeeError(f"the bytes given are no encoded file that fits the format {format}")
