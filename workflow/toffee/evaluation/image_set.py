"""The pictures of an evaluation, in the same file format as the dataset's shards."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from toffee.storage.writer import ShardWriter


def write_image_set(
    out: str | Path,
    columns: Mapping[str, Sequence[str]],
    images: Mapping[str, Sequence[np.ndarray | bytes | None]],
    masks: Mapping[str, Sequence[np.ndarray | None]] | None = None,
    quality: int = 95,
    lossless: Collection[str] = (),
) -> None:
    """Write pictures, masks (PNG) and text columns, one value a row each.

    Pictures are JPEG, those named in `lossless` PNG; bytes of another file are taken over as they
    are. The whole set is written at once: an evaluation is drawn in one go and not resumed.
    """
    masks = masks or {}
    rows = len(next(iter(columns.values())))
    layout = {name: "png" if name in lossless else "jpeg" for name in images}
    layout |= dict.fromkeys(masks, "mask")
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
