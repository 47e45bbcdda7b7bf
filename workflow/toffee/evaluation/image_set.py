"""Files of an evaluation's pictures, in the format of the dataset's shards."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from toffee.evaluation.benchmark import BenchmarkImage
from toffee.evaluation.names import scale_name
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
    texts = [[name, list(values)] for name, values in columns.items()]
    digest = hashlib.sha256(json.dumps(texts, default=str).encode())
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


def write_benchmark_images(
    out: str | Path,
    method: str,
    images: Sequence[BenchmarkImage],
    arrays: Sequence[np.ndarray],
    conditioned_on: Mapping[str, str],
    quality: int,
    scales: bool = False,
    lossless: bool = False,
) -> None:
    """Write images of the benchmark, one row each; as PNG with `lossless`, else as JPEG.

    Columns: subject, class_word, prompt (without the unique token), prompt_kind (context or
    property), method, conditioned_on (a subject, or ""), setting (λ with `scales`, else ""), seed
    (the generation seed); image `image`.
    """
    write_image_set(
        out,
        columns={
            "subject": [one.subject.subject for one in images],
            "class_word": [one.subject.class_word for one in images],
            "prompt": [one.prompt.text for one in images],
            "prompt_kind": [one.prompt_kind for one in images],
            "method": [method] * len(images),
            "conditioned_on": [conditioned_on[one.subject.subject] for one in images],
            "setting": [scale_name(one.scale) if scales else "" for one in images],
            "seed": [str(one.draw) for one in images],
        },
        images={"image": list(arrays)},
        quality=quality,
        lossless=("image",) if lossless else (),
    )
