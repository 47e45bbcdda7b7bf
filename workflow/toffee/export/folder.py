"""The exported pairs as a folder of pictures with a list, in the layout of SynCD.

    <out>/metadata.json               [{"filenames": [...], "prompts": [...]}, ...], an entry a pair
    <out>/images/<sample>_target.jpg  the picture to draw, and its text in `prompts[0]`
    <out>/images/<sample>_subject.jpg the subject in another pose, and its text in `prompts[1]`
    <out>/images/masks/<same name>.jpg  the subject in each of them

Source: the reader of nupurkmr9/syncd (method/data/data.py at 757965c). It looks for the mask of
`images/x.jpg` in `images/masks/x.jpg` and takes every value above 0 as the subject. So masks keep
their lossless PNG bytes under that name: readers go by content, and JPEG would blur their edges.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress

KIND = "generation"
"""Two pictures of one subject. The mask of an editing pair is not the subject's."""

IMAGES, MASKS = "images", "images/masks"
PICTURES = {"target": "mask", "subject_image": "subject_mask"}
"""Pictures of a pair, and the mask of the subject in each."""

VALUES = ("sample_id", "subject", "class_word", "licence")
COLUMNS = (*VALUES, "kind", "prompt", "subject_prompt", *PICTURES, *PICTURES.values())


def export_folder(parquet: Sequence[str | os.PathLike], out: str | os.PathLike) -> int:
    """Write the generation pairs of exported shards as files.

    Args:
        parquet: what `export_shard` wrote for each shard: accepted pairs that may be shared.
        out: folder to write, described above; one that exists is replaced as a whole.

    Returns:
        The number of pairs in it.

    Raises:
        ToffeeError: a Parquet file cannot be read or lacks a column, or no pair is left.
    """
    with atomic_path(out) as folder:
        (folder / MASKS).mkdir(parents=True)
        paths = sorted(map(Path, parquet), key=lambda path: path.stem)
        entries = [
            _write(row, folder)
            for path in progress(paths, desc="export folder", unit="shard")
            for row in _rows(path)
        ]
        if not entries:
            raise ToffeeError(f"{out}: no {KIND} pair is left to export")
        text = json.dumps(entries, indent=1, ensure_ascii=False) + "\n"
        (folder / "metadata.json").write_text(text, encoding="utf-8")
    return len(entries)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The generation pairs of a shard, one after the other; a row group is in memory."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64, columns=list(COLUMNS)):
                names = set(batch.schema.names)
                missing = [name for name in COLUMNS if name not in names]
                if missing:
                    raise ToffeeError(f"{path}: no column {missing[0]}; export the shard again")
                yield from (row for row in batch.to_pylist() if row["kind"] == KIND)
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected an exported shard ({error})") from None


def _write(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write a pair's pictures and masks; its entry."""
    names = [row[picture]["path"] for picture in PICTURES]
    for (picture, mask), name in zip(PICTURES.items(), names, strict=True):
        (folder / IMAGES / name).write_bytes(row[picture]["bytes"])
        (folder / MASKS / f"{Path(name).stem}.jpg").write_bytes(row[mask]["bytes"])
    texts = {"prompts": [row["prompt"], row["subject_prompt"]]}
    files = {"filenames": [f"{IMAGES}/{name}" for name in names]}
    return files | texts | {name: row[name] for name in VALUES}
