"""Files of an evaluation's pictures, in the format of the dataset's shards."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from toffee.storage.encoding import ImageFormat
from toffee.storage.writer import ShardWriter


def write_image_set(
    out: str | Path,
    columns: Mapping[str, Sequence[str]],
    images: Mapping[str, Sequence[np.ndarray | bytes | None]],
    masks: Mapping[str, Sequence[np.ndarray | None]] | None = None,
    quality: int = 95,
    lossless: Collection[str] = (),
) -> None:
    """Write pictures, masks (PNG) and text columns, each with one value per row.

    Pictures are JPEG, those named in `lossless` PNG; bytes are stored as they are. The whole set is
    written at once: an evaluation is not resumed in the middle.
    """
    masks = masks or {}
    rows = len(next(iter(columns.values())))
    layout: dict[str, ImageFormat] = {
        name: "png" if name in lossless else "jpeg" for name in images
    }
    layout |= {name: "mask" for name in masks}
    digest = hashlib.sha256()
    for values in [*images.values(), *masks.values()]:
        for value in values:
            if isinstance(value, np.ndarray):
                value = np.ascontiguousarray(value).tobytes()
            digest.update(value or b"")
    with ShardWriter(
        out, rows, digest.hexdigest(), layout, dict.fromkeys(columns, "str"), quality
    ) as writer:
        if writer.done == 0:
            writer.append(
                {name: list(values) for name, values in columns.items()}, {**images, **masks}
            )
