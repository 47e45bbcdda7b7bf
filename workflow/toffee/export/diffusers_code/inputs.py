"""What a call of the pipeline is given: it is checked, and brought into one form.

Part of the Toffee reproduction (arXiv 2406.09305), Apache-2.0.
"""

import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from .pictures import decoded, mask_of, read_file, rgb, set_values, upright


def photos_of_each(subject, masks):
    """Pairs of subjects and masks as they are read: the first photos of all, the second ones, …"""
    lists = (list, tuple)
    if not (isinstance(subject, lists) and subject and isinstance(subject[0], lists)):
        return [(subject, masks)]
    given = [subject] if masks is None else [subject, masks]
    counts = {len(one) if isinstance(one, lists) else 0 for some in given for one in some}
    if len(counts) > 1 or not min(counts) or len({len(some) for some in given}) > 1:
        raise ValueError("expected as many photos of each subject, and as many masks")
    each = [[list(one) for one in zip(*some, strict=True)] for some in given]
    return list(zip(each[0], [None] * len(each[0]) if masks is None else each[1], strict=True))


def read_pictures(images, count, side=None):
    """Pictures as float32 [count,3,H,W] in [0,1] on the CPU; with a side, PIL images are cut."""
    if images is None:
        return None
    if isinstance(images, torch.Tensor):
        images = unit_range(images, ("B", 3, "H", "W"), "pictures")
    else:
        cut = [_square(rgb(one), side, Image.Resampling.LANCZOS) for one in _opened(images)]
        images = _stacked([np.array(one) for one in cut])
        images = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return _expanded(images, count, "pictures")


def read_masks(masks, count, side=None, subject=True):
    """Masks as bool [count,H,W] on the CPU; with a side, PIL images are cut."""
    if masks is None:
        return None
    if isinstance(masks, torch.Tensor):
        hard = _hard_masks(masks, subject)
    else:
        hard = [mask_of(one, subject) for one in _opened(masks)]
        whole = [Image.fromarray(one.astype(np.uint8) * 255) for one in hard]
        cut = [np.array(_square(one, side, Image.Resampling.BOX)) >= 128 for one in whole]
        if any(one.any() and not kept.any() for one, kept in zip(hard, cut, strict=True)):
            raise ValueError("the mask is outside of the centre square: crop around the subject")
        hard = cut
    return _expanded(torch.from_numpy(_stacked(hard)), count, "masks")


def _hard_masks(masks, subject):
    """Masks of a tensor, bool arrays."""
    if masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    if masks.dtype == torch.bool:
        _check_shape(masks, ("B", "H", "W"), "masks")
        return [upright(one, subject) for one in masks.cpu().numpy()]
    if masks.dtype == torch.uint8:
        _check_shape(masks, ("B", "H", "W"), "masks")
        values, full = masks.cpu().numpy(), 255
    else:
        values, full = unit_range(masks, ("B", "H", "W"), "masks").numpy(), 1
    return [upright(set_values(one, full), subject) for one in values]


def unit_range(given, shape, what):
    """A tensor as float32 on the CPU, its values in [0,1]."""
    _check_shape(given, shape, what)
    given = given.detach().cpu()
    if given.dtype == torch.uint8:
        return given.float() / 255
    least, most = (float(value) for value in given.aminmax()) if given.numel() else (0, 0)
    # Half precision rounds a little beyond.
    if not given.is_floating_point() or not (least >= -1e-3 and most <= 1.001):
        raise ValueError(
            f"{what} are {given.dtype} from {least:g} to {most:g}, "
            "expected floats from 0 to 1 or uint8 from 0 to 255"
        )
    return given.float()


def _check_shape(given, shape, what):
    fits = len(given.shape) == len(shape) and all(
        isinstance(wanted, str) or wanted == found
        for wanted, found in zip(shape, given.shape, strict=True)
    )
    if not fits or not given.numel():
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"{what} are {list(given.shape)}, expected [{wanted}]")


def _opened(images):
    """PIL images, upright, out of one or several paths and PIL images."""
    return [_open(one) for one in (images if isinstance(images, list | tuple) else [images])]


def _open(one):
    if isinstance(one, Image.Image):
        return ImageOps.exif_transpose(one)
    if not isinstance(one, str | os.PathLike):
        found = type(one).__name__
        raise ValueError(f"expected a path, a PIL image, a list of them or a tensor, got {found}")
    try:
        return decoded(read_file(one))
    except (OSError, ValueError) as error:
        raise ValueError(f"{one}: cannot be read ({error})") from error


def number(value, what, least, whole=False):
    """A finite number that is not less than `least`."""
    kinds = int if whole else int | float
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or value < least:
        kind = "whole number" if whole else "number"
        raise ValueError(f"{what} is {value!r}, expected a {kind} from {least} on")
    return value


def prompts_for(prompt, pictures, each):
    """A prompt for each picture to draw; a single one serves all pictures that are given."""
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list | tuple) or not all(isinstance(one, str) for one in prompts):
        raise ValueError(f"prompt is {prompt!r}, expected a text or a list of texts")
    if not prompts:
        raise ValueError("no prompt, expected a text or a list of texts")
    if len(prompts) == 1:
        several = [one for one in pictures if isinstance(one, list | tuple | torch.Tensor)]
        prompts = list(prompts) * max([1, *map(len, several)])
    return [one for one in prompts for _ in range(each)]


def _stacked(arrays):
    if len({array.shape for array in arrays}) > 1:
        raise ValueError("expected pictures of one size")
    return np.stack(arrays)


def _expanded(given, count, what):
    """One for all prompts, one for each prompt, or one for each picture."""
    if count % len(given):
        raise ValueError(f"{len(given)} {what} for {count} pictures to draw, expected one each")
    return given.repeat_interleave(count // len(given), 0)


def _square(picture, side, resample):
    if side is None or picture.size == (side, side):
        return picture
    least = min(picture.size)
    left, top = (picture.width - least) // 2, (picture.height - least) // 2
    return picture.crop((left, top, left + least, top + least)).resize((side, side), resample)


def check_sizes(pictures, masks, what):
    if pictures is None or masks is None:
        return
    sizes = [f"{one.shape[-1]} x {one.shape[-2]}" for one in (masks, pictures)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"mask is {sizes[0]} pixels, expected {sizes[1]} as its {what}")


def preprocessed(images, size, mean, std, mode):
    """Pictures as the subject encoder wants them; nothing of them is cut off."""
    mean, std = (images.new_tensor(value)[:, None, None] for value in (mean, std))
    return (resized(images, size, mode) - mean) / std


def resized(images, size, mode="bicubic"):
    """Antialiased resize, width first and clamped after each direction, as Pillow does it."""
    for target in ((images.shape[-2], size[1]), tuple(size)):
        if tuple(images.shape[-2:]) != tuple(target):
            images = F.interpolate(images, size=target, mode=mode, antialias=True).clamp(0, 1)
    return images


def centred(pictures, size, around):
    """Square pictures, as large as they fit, in the middle of larger ones of one shade."""
    side = min(size)
    high, wide = size[0] - side, size[1] - side
    edges = (wide // 2, wide - wide // 2, high // 2, high - high // 2)
    return F.pad(resized(pictures, (side, side)), edges, value=around)
