"""Reading pictures and masks from disk, and the step between tensors and 8-bit arrays.

Only functions that make tensors import torch; who lists files or draws figures does not load it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from toffee.data.pictures import FORMATS, decoded, mask_of, read_file, rgb
from toffee.data.walk import list_folder
from toffee.runtime.errors import ToffeeError

if TYPE_CHECKING:
    import torch

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".jp2", ".ppm"),
    *(".jpe", ".jfif", ".mpo", ".apng", ".avifs", ".dib", ".j2c", ".j2k", ".jpc", ".jpf", ".jpx"),
    *(".pbm", ".pgm", ".pnm", ".pfm", ".tga", ".icb", ".vda", ".vst", ".ico", ".pcx", ".qoi"),
    *(".sgi", ".rgb", ".rgba", ".bw"),
)
"""Of `FORMATS`."""
NOT_READ = (
    *(".heic", ".heif", ".hif", ".jxl", ".psd", ".svg", ".eps", ".pdf", ".exr", ".hdr", ".raw"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".mp4", ".mov", ".avi"),
)
"""Of pictures in other formats: in a folder of photos they are an error, they would be missed."""


def read_image(
    path: str | os.PathLike, resolution: int | None = None, profile: bool = True
) -> torch.Tensor:
    """Read a picture by the rules of `toffee.data.pictures`.

    With a resolution, the centre square is cut out and resized with an antialiased filter
    (Lanczos); a picture that has that size already is not changed.

    Args:
        path: a file of one of its formats.
        resolution: side of the square to return, in pixels; None keeps the picture's own size.
        profile: whether the picture's colour profile is applied.

    Returns:
        float32 [3, H, W] in [0, 1], RGB.

    Raises:
        ToffeeError: the file is missing, incomplete or no picture.
    """
    import torch

    pixels = read_array(path, resolution, profile)
    return torch.from_numpy(pixels).permute(2, 0, 1).float().div_(255)


def read_array(
    path: str | os.PathLike, resolution: int | None = None, profile: bool = True
) -> np.ndarray:
    """Read a picture as `read_image` does, as an array: uint8 [H, W, 3]."""
    picture = _load(path, "image", lambda picture: rgb(picture, profile))
    return np.array(_centre_square(picture, resolution, Image.Resampling.LANCZOS))


def read_mask(
    path: str | os.PathLike,
    resolution: int | None = None,
    size: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Read a subject's mask as `read_mask_array` does: bool [H, W]."""
    import torch

    return torch.from_numpy(read_mask_array(path, resolution, size))


def read_mask_array(
    path: str | os.PathLike,
    resolution: int | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Read a subject's mask by the rules of `toffee.data.pictures`.

    It is cut and resized as `read_image` does with its picture, so that the two stay aligned.

    Args:
        path: a picture that is white, or not transparent, where the subject is.
        resolution: as in `read_image`; a resized pixel is set where half of its area was.
        size: (width, height) of the picture that the mask belongs to, in pixels (see `image_size`).

    Returns:
        bool [H, W].

    Raises:
        ToffeeError: the file is missing, incomplete or no picture, is not understood as a mask, or
            has another size.
    """
    picture = Image.fromarray(_load(path, "mask", mask_of).astype(np.uint8) * 255)
    if size is not None and picture.size != tuple(size):
        raise ToffeeError(
            f"{path}: mask is {picture.width} x {picture.height} pixels, "
            f"expected {size[0]} x {size[1]} as its image"
        )
    picture = _centre_square(picture, resolution, Image.Resampling.BOX)
    return np.array(picture) >= 128


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """(width, height) of a picture in pixels, EXIF orientation applied; the pixels are not decoded.

    Raises:
        ToffeeError: the file is missing or no picture.
    """
    try:
        if not Path(path).is_file() and Path(path).exists():
            raise ValueError("no regular file")  # a pipe would never end
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Exception as error:
        raise _unreadable(path, "image", error) from error
    return (height, width) if turned else (width, height)


def list_images(folder: str | os.PathLike, root: str | os.PathLike | None = None) -> list[Path]:
    """The picture files of a folder, sorted by name; hidden files are ignored.

    Args:
        folder: the folder, itself no link out of the root.
        root: the folder that links may lead within; by default `folder`.

    Raises:
        ToffeeError: the folder is missing or holds no picture, or a picture that cannot be used: in
            another format, or a link out of the root (see `toffee.data.walk`).
    """
    folder, root = Path(folder), Path(root or folder)
    if not folder.is_dir():
        raise ToffeeError(f"{folder}: no such folder, expected a folder of images")
    found = list_folder(root, folder.relative_to(root).as_posix() if folder != root else "")
    for fault in found.faults:
        raise ToffeeError(f"{root / fault.file}: {fault.reason} ({fault.detail})")
    for file in found.files:
        if file.lower().endswith(NOT_READ):
            expected = ", ".join(IMAGE_SUFFIXES)
            raise ToffeeError(f"{root / file}: not a format that is read, expected {expected}")
    pictures = [root / file for file in found.files if file.lower().endswith(IMAGE_SUFFIXES)]
    if not pictures:
        raise ToffeeError(f"{folder}: empty folder, expected {', '.join(IMAGE_SUFFIXES)} files")
    return pictures


def stack_images(paths: Sequence[str | os.PathLike], resolution: int) -> torch.Tensor:
    """Several pictures as float32 [B, 3, resolution, resolution] in [0, 1] (see `read_image`)."""
    import torch

    if not paths:
        return torch.zeros(0, 3, resolution, resolution)
    return torch.stack([read_image(path, resolution) for path in paths])


def to_arrays(images: torch.Tensor) -> list[np.ndarray]:
    """8-bit pictures as a shard stores them.

    Args:
        images: float [B, 3, H, W] in [0, 1]; values outside are clipped.

    Returns:
        B arrays, uint8 [H, W, 3].

    Raises:
        ToffeeError: a value is not finite.
    """
    import torch

    images = images.detach().float().cpu()
    if not torch.isfinite(images).all():
        raise ToffeeError("expected images with finite values, got NaN or infinity")
    rounded = images.clamp(0, 1).mul(255).round().to(torch.uint8)
    return list(rounded.permute(0, 2, 3, 1).contiguous().numpy())


def to_tensor(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    """The inverse of `to_arrays`: float32 [B, 3, H, W] in [0, 1]."""
    import torch

    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().div_(255)


def _load(path: str | os.PathLike, what: str, read: Callable[[Image.Image], Any]) -> Any:
    """What `read` makes of a picture; of what cannot be read or is not understood, one line."""
    try:
        return read(decoded(read_file(path)))
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from error


def _unreadable(path: str | os.PathLike, what: str, error: Exception) -> ToffeeError:
    if isinstance(error, FileNotFoundError):
        return ToffeeError(f"{path}: no such file, expected an image")
    return ToffeeError(
        f"{path}: broken {what} ({error}), expected a complete file, e.g. JPEG, PNG or WebP"
    )


def _centre_square(
    picture: Image.Image, resolution: int | None, filter: Image.Resampling
) -> Image.Image:
    if resolution is None or picture.size == (resolution, resolution):
        return picture
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    # Crop first: with a box, the filter would also use pixels outside of it.
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((resolution, resolution), filter)


def grown(masks: torch.Tensor) -> torch.Tensor:
    """Masks bool [...,H,W] with the pixel around the subject added: room for a clean seam."""
    from torch.nn.functional import max_pool2d

    planes = masks.float().flatten(0, -3)[:, None]
    return (max_pool2d(planes, 3, stride=1, padding=1) > 0).view(masks.shape)
