"""What the figures share: pictures out of shards, photographs, and a varied choice of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toffee.config.sections.synthesis import KINDS
from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.images import read_array
from toffee.data.loaders.references import kept_photos
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

HELD_OUT = "Subjects that no training of this run saw. "
TRAINED_ON = "Subjects that ToffeeNet is trained on. "
EDITING_KINDS = tuple(kind for kind in KINDS if kind != "generation")


def first_picture(shard: Shard) -> str:
    """Name of the file's first image that is not a mask. Raises ToffeeError where there is none."""
    names = [name for name in shard.image_names if shard.formats[name] != "mask"]
    if not names:
        raise ToffeeError(f"{shard.path}: no pictures, expected at least one image per row")
    return names[0]


def shown_name(name: str) -> str:
    """A method or model as figures write it."""
    return name.replace("_", " ").replace("toffeenet", "ToffeeNet")


def read_note(value: float | None) -> str:
    """What stands under an edit: how surely the metric CLIP reads it. NaN or None: not scored."""
    return "not scored" if value is None or math.isnan(value) else f"read: {value:.2f}"


def picture(shard: Shard, name: str, row: int) -> np.ndarray | None:
    """A stored picture, uint8 [H, W, 3], or None where the row has none."""
    return shard.arrays(name, [row])[0] if shard.has(name, row) else None


def photo_like(path: Path, shard: Shard, name: str) -> np.ndarray:
    """A photo as uint8 [S, S, 3], at the size of the pictures `name` of a file."""
    row = next(row for row in range(len(shard)) if shard.has(name, row))
    return read_array(path, shard.arrays(name, [row])[0].shape[0])


def shown_photos(benchmark: Path, references: Path) -> dict[str, Path]:
    """The one photo of each benchmark subject that ToffeeNet is shown."""
    loaded = load_benchmark(benchmark)
    kept = kept_photos(references, loaded)
    return {s.subject: s.photos[kept[s.subject]] for s in loaded.subjects}


def rows_of(shard: Shard, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of a file, and the number of each row as `row`."""
    table = pd.DataFrame({name: shard.column(name) for name in columns})
    return table.assign(row=np.arange(len(table)))


def read_index(path: Path) -> pd.DataFrame:
    """The filter's index. Raises ToffeeError where it cannot be read."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: expected the filter's index ({error})") from None


def open_shard(shards: Sequence[Path], stem: str) -> Shard:
    """The shard with a name. Raises ToffeeError where it is not among those given."""
    for path in map(Path, shards):
        if path.stem == stem:
            return Shard(path)
    raise ToffeeError(f"shard {stem!r} of the index is not among the {len(shards)} shards given")


def varied(rows: Sequence[dict[Any, Any]], count: int, keys: Sequence[str]) -> list[dict[Any, Any]]:
    """`count` rows, as different in `keys` as the order allows: each time the first row whose
    values were shown least."""
    rest = list(rows)
    chosen: list[dict[Any, Any]] = []
    seen: dict[tuple[str, object], int] = {}
    while rest and len(chosen) < count:
        pick = min(rest, key=lambda row: [seen.get((key, row[key]), 0) for key in keys])
        rest.remove(pick)
        chosen.append(pick)
        for key in keys:
            seen[key, pick[key]] = seen.get((key, pick[key]), 0) + 1
    return chosen
