"""The pictures of an evaluation, in the same file format as the dataset's shards."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from toffee.storage import ShardWriter


def write_image_set(
    out: str | Path,
    columns: Mapping[str, Sequence[str]],
    images: Mapping[str, Sequence[np.ndarray | None]],
    masks: Mapping[str, Sequence[np.ndarray]] | None = None,
    quality: int = 95,
) -> None:
    """Write pictures (JPEG), masks (PNG) and text columns, one value a row each.

    The whole set is written at once: an evaluation is drawn in one go and not resumed.
    """
    masks = masks or {}
    rows = len(next(iter(columns.values())))
    layout = dict.fromkeys(images, "jpeg") | dict.fromkeys(masks, "mask")
    digest = hashlib.sha256()
    for values in [*images.values(), *masks.values()]:
        for value in values:
            digest.update(b"" if value is None else np.ascontiguousarray(value).tobytes())
    with ShardWriter(
        out, rows, digest.hexdigest(), layout, dict.fromkeys(columns, "str"), quality
    ) as writer:
        if writer.done == 0:
            writer.append(
                {name: list(values) for name, values in columns.items()}, {**images, **masks}
            )
