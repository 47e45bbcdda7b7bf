"""Image preprocessing of the encoders, in torch (no torchvision).

What a model expects is read from the `preprocessor_config.json` in its folder. Resizing is
antialiased and clamped to [0, 1], so that it follows Pillow's filters, which the hub's checkpoints
were trained behind.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from toffee.runtime.errors import ToffeeError

FILL = 0.5
"""Grey value outside of the subject in the masked metrics."""

MARGIN = 0.05
"""Margin around the mask's bounding box, as a share of its longer side, on each side."""

DREAMBENCH_RESIZE = {224: 256}
"""How DreamBench reads DINO: input size → shorter edge before the centre crop."""

_FILTERS = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers, as the hub's configs write them


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before an encoder sees it.

    resize: (height, width) in pixels to resize to, or the shorter edge's length as one int; crop:
    (height, width) of the centre crop after it, also the encoder's input size; mean, std: of the
    RGB channels in [0, 1]; mode: "bicubic" or "bilinear"; multiple: where it is not 0, the aspect
    ratio is kept instead, as DPT's processor does: the picture is scaled so that the edge which
    needs less of it reaches `resize`, both edges are rounded to a multiple of this, nothing is cut.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    mode: str = "bicubic"
    multiple: int = 0

    @classmethod
    def read(cls, folder: str | Path) -> Preprocessing:
        """Read `folder/preprocessor_config.json` (sizes as an int, {height, width} or
        {shortest_edge}; DPT's keep_aspect_ratio and ensure_multiple_of).

        Raises ToffeeError that names the file where it is missing or lacks a key.
        """
        path = Path(folder) / "preprocessor_config.json"
        try:
            config = json.loads(path.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise ToffeeError(
                f"{path}: expected a readable preprocessor config ({error})"
            ) from None
        try:
            cropped = config.get("do_center_crop", "crop_size" in config)
            resize = _size(config["size"], shortest=cropped)
            crop = _size(config["crop_size"] if cropped else config["size"], shortest=False)
            if isinstance(crop, int):
                raise ValueError(f"size {config['size']} without a crop")
            mode = _FILTERS[config.get("resample", 3)]
            mean, std = (_three(config[key]) for key in ("image_mean", "image_std"))
            multiple = int(config.get("ensure_multiple_of") or 1)
            if not config.get("keep_aspect_ratio"):
                multiple = 0
        except (KeyError, TypeError, ValueError) as error:
            raise ToffeeError(f"{path}: missing or unexpected entry {error}") from None
        return cls(resize, crop, mean, std, mode, multiple)

    def dreambench(self) -> Preprocessing:
        """The same for DINO as DreamBench evaluates it: bicubic, and where the config only squeezes
        the image to 224 × 224, the shorter edge to 256 and a centre crop of 224 instead.
        """
        edge = DREAMBENCH_RESIZE.get(self.crop[0]) if self.resize == self.crop else None
        return replace(self, resize=edge or self.resize, mode="bicubic")

    def uncropped(self) -> Preprocessing:
        """The same without a crop: the whole picture is squeezed to the encoder's input.

        Then place (y, x) of the encoder's patches is place (y, x) of the picture, whose edges are
        seen too. What is square keeps its aspect ratio.
        """
        return replace(self, resize=self.crop)

    def whole(self, images: Tensor | Sequence[Tensor]) -> Tensor:
        """Images [B, 3, H, W], or a list of [3, H, W] of any sizes, in [0, 1] → encoder input [B,
        3, h, w]."""
        if isinstance(images, Tensor):
            return self._normalise(self._fit(images))
        return self._normalise(torch.cat([self._fit(image[None]) for image in images]))

    def subject(self, images: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """Only what the mask holds: the rest grey, a square around the mask, resized to the
        encoder's input.

        images: B of [3, H, W] in [0, 1]; masks: B of bool [H, W], none of them empty. Returns [B,
        3, h, w].
        """
        crops = [
            resized(crop_to_mask(image, mask)[None], self.crop, self.mode)
            for image, mask in zip(images, masks, strict=True)
        ]
        return self._normalise(torch.cat(crops))

    def _fit(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        size = self.resize
        if self.multiple:
            return resized(images, self._keeping_aspect(height, width), self.mode)
        if isinstance(size, int):
            # as Pillow-based processors compute it: the longer edge is truncated
            short = min(height, width)
            size = (size * height // short, size * width // short)
        images = resized(images, size, self.mode)
        top, left = ((have - want) // 2 for have, want in zip(size, self.crop, strict=True))
        return images[..., top : top + self.crop[0], left : left + self.crop[1]]

    def _keeping_aspect(self, height: int, width: int) -> tuple[int, int]:
        """Size to resize to, as DPTImageProcessor computes it."""
        assert isinstance(self.resize, tuple)
        scale = min(self.resize[0] / height, self.resize[1] / width, key=lambda x: abs(1 - x))

        def rounded(edge: int) -> int:
            return round(scale * edge / self.multiple) * self.multiple

        return rounded(height), rounded(width)

    def _normalise(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(value)[:, None, None] for value in (self.mean, self.std))
        return (images - mean) / std


def resized(images: Tensor, size: tuple[int, int], mode: str = "bicubic") -> Tensor:
    """Antialiased resize of images [B, 3, H, W] in [0, 1].

    Width first, then height, clamped to [0, 1] after each: Pillow does so, since it works on 8-bit
    images.
    """
    for target in ((images.shape[-2], size[1]), size):
        if tuple(images.shape[-2:]) != tuple(target):
            images = F.interpolate(images, size=target, mode=mode, antialias=True).clamp(0, 1)
    return images


def crop_to_mask(image: Tensor, mask: Tensor) -> Tensor:
    """Square crop [3, S, S] around a mask: pixels outside of the mask, or of the image, are FILL.

    image: [3, H, W] in [0, 1]; mask: bool [H, W], not empty.
    """
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    height, width = bottom - top, right - left
    side = max(height, width)
    side += 2 * max(1, round(MARGIN * side))
    square = image.new_full((3, side, side), FILL)
    y, x = (side - height) // 2, (side - width) // 2
    inside = mask[top:bottom, left:right]
    square[:, y : y + height, x : x + width] = torch.where(
        inside, image[:, top:bottom, left:right], image.new_tensor(FILL)
    )
    return square


def _size(value: object, shortest: bool) -> int | tuple[int, int]:
    """One of the hub's spellings of a size. A bare int (old configs) is the shorter edge where a
    crop follows (`shortest`), else a square.
    """
    if isinstance(value, int):
        return value if shortest else (value, value)
    if isinstance(value, dict) and "shortest_edge" in value:
        return int(value["shortest_edge"])
    if isinstance(value, dict):
        return int(value["height"]), int(value["width"])
    raise ValueError(f"size {value!r}")
