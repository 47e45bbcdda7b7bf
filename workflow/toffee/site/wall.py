"""The dataset wall: a fixed sample of candidate pairs, with scores and the filter's verdict."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from toffee.config.sections.filter import SCORES
from toffee.figures.pictures import open_shard, varied
from toffee.runtime.errors import ToffeeError
from toffee.storage.reader import Shard

PAIRS = 96
POOL = 500
"""Candidates, accepted and rejected each, that the sample is chosen from."""
COLUMNS = ("accepted", "row", "sample_id", "shard", "kind", "reason")
"""What is read of the index; from the third on texts."""
MOST_IN_GROUP = 1 << 21
"""Rows of a row group of the index; the filter's have a million."""
MOST_ROWS = 1 << 26
MOST_KINDS = 1 << 10
LONGEST = 1 << 12
"""Bytes of a text of the index."""
LARGEST_CHUNK = 1 << 27
"""Bytes of a column of a row group of the index; the filter's have a million rows, of 30 bytes."""
SIDE = 256
"""Pixels; larger pictures are reduced."""
PICTURES = ("subject", "input", "mask", "target")


def write_wall(index: Path, shards: Sequence[Path], images: Path) -> dict[str, Any]:
    """Write the sample's pictures into the folder `images`.

    Returns:
        counts: candidates and accepted by kind; pairs: one entry each with sample, kind, prompt,
        accepted, reason, scores, and the file name of each picture that it has.

    Raises:
        ToffeeError: the index or a shard cannot be read.
    """
    counts, groups = candidates(index)
    images.mkdir(parents=True)
    chosen = sample(groups)
    places = defaultdict(list)
    for number, row in enumerate(chosen):
        places[row["shard"]].append(number)
    pairs: list[dict[str, Any]] = [{} for _ in chosen]
    for stem, numbers in places.items():
        with open_shard(shards, stem) as shard:
            columns = {name: shard.column(name) for name in ("prompt", "subject", *SCORES)}
            for number in numbers:
                row = chosen[number]
                values = {name: column[row["row"]] for name, column in columns.items()}
                pairs[number] = {
                    "sample": row["sample_id"],
                    "shard": stem,
                    "kind": row["kind"],
                    "accepted": bool(row["accepted"]),
                    "reason": row["reason"],
                    "prompt": values["prompt"],
                    "subject": values["subject"],
                    "scores": {name: float(values[name]) for name in SCORES},
                    "pictures": _write_pictures(shard, row["row"], images, number),
                }
    return {"counts": counts, "pairs": pairs}


def candidates(index: Path) -> tuple[list[dict[str, Any]], list[pd.DataFrame]]:
    """How many candidates the index has, and some of the accepted and of the rejected ones.

    There may be millions, and the audit, which trusts no file, asks too: few rows are in memory at
    a time, and each text of theirs once.

    Returns:
        candidates and accepted by kind; and two tables of at most `POOL` rows, drawn at random with
        a seed, in the index's order.

    Raises:
        ToffeeError: it is no such index.
    """
    try:
        with pq.ParquetFile(index, read_dictionary=list(COLUMNS[2:])) as table:
            _refuse_large(table.metadata, index)
            verdicts: list[np.ndarray] = []
            sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
            for batch in _batches(table, ["accepted", "kind"]):
                verdicts.append(batch["accepted"].to_numpy(zero_copy_only=False).astype(bool))
                _add_counts(sums, batch["kind"], verdicts[-1], index)
            accepted = np.concatenate([np.empty(0, bool), *verdicts])
            places = [_drawn(np.flatnonzero(accepted == wanted)) for wanted in (True, False)]
            counts = [
                {"kind": kind, "candidates": size, "accepted": kept}
                for kind, (size, kept) in sorted(sums.items())
            ]
            return counts, [_rows(table, some, index) for some in places]
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{index}: expected the filter's index ({error})") from error


def _refuse_large(metadata: pq.FileMetaData, index: Path) -> None:
    """Raise ToffeeError where an index, however small its file, would unpack to gigabytes."""
    if metadata.num_rows > MOST_ROWS:
        raise ToffeeError(f"{index}: {metadata.num_rows} rows, expected fewer")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.num_rows > MOST_IN_GROUP:
            raise ToffeeError(f"{index}: {group.num_rows} rows in a row group, expected fewer")
        for chunk in (group.column(place) for place in range(group.num_columns)):
            large = chunk.total_uncompressed_size > LARGEST_CHUNK
            if large and chunk.path_in_schema in COLUMNS:
                size = f"{chunk.total_uncompressed_size} bytes in a row group"
                raise ToffeeError(f"{index}: {chunk.path_in_schema} has {size}, expected fewer")


def _add_counts(
    sums: dict[str, list[int]], kinds: pa.DictionaryArray, accepted: np.ndarray, index: Path
) -> None:
    """Add the rows of a batch to those by kind: candidates and accepted."""
    names = kinds.dictionary
    if len(names) > MOST_KINDS or (pc.max(pc.binary_length(names)).as_py() or 0) > LONGEST:
        raise ToffeeError(f"{index}: {len(names)} kinds or a long one, expected a few short texts")
    # A row without a kind counts for none.
    codes = pc.fill_null(kinds.indices, len(names)).to_numpy(zero_copy_only=False)
    sizes, kept = (np.bincount(c, minlength=len(names)) for c in (codes, codes[accepted]))
    for name, size, some in zip(names.to_pylist(), sizes, kept, strict=False):
        if size:
            before = sums[name]
            sums[name] = [before[0] + int(size), before[1] + int(some)]


def _batches(table: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of an index, a row group at a time. Across them a reader would collect the texts
    of all, and hand them out again with every batch: 22 GB for 48 million rows."""
    for group in range(table.num_row_groups):
        yield from table.iter_batches(MOST_IN_GROUP, columns=list(columns), row_groups=[group])


def _drawn(places: np.ndarray) -> np.ndarray:
    """At most `POOL` of some places, in order."""
    drawn = pd.Series(places).sample(min(POOL, len(places)), random_state=0)
    return np.sort(drawn.to_numpy())


def _rows(table: pq.ParquetFile, places: np.ndarray, index: Path) -> pd.DataFrame:
    """Some rows of the index, by place."""
    found, start = [], 0
    for batch in _batches(table, COLUMNS):
        for name in COLUMNS[2:]:
            longest = pc.max(pc.binary_length(batch[name].dictionary)).as_py() or 0
            if longest > LONGEST:
                raise ToffeeError(f"{index}: {name} of {longest} bytes, expected a short text")
        inside = places[(places >= start) & (places < start + len(batch))] - start
        if len(inside):
            taken = batch.take(pa.array(inside))
            # Decoded here: a frame would keep the texts of all rows beside those of a few.
            texts = {name: taken[name].dictionary_decode() for name in COLUMNS[2:]}
            found.append(pa.table({n: taken[n] for n in COLUMNS[:2]} | texts).to_pandas())
        start += len(batch)
    types = dict.fromkeys(COLUMNS[2:], object)
    return pd.concat(found).astype(types) if found else pd.DataFrame(columns=list(COLUMNS))


def sample(groups: Sequence[pd.DataFrame], count: int = PAIRS) -> list[dict[str, Any]]:
    """Rows of two groups of candidates, the accepted and the rejected ones: in equal numbers where
    there are enough, in turn, spread over kinds and reasons."""
    half = count // 2
    sizes = [
        min(len(group), max(half, count - len(other)))
        for group, other in zip(groups, groups[::-1], strict=True)
    ]
    picks = [
        varied(group.to_dict("records"), size, ("reason", "kind"))
        for group, size in zip(groups, sizes, strict=True)
    ]
    shorter = min(map(len, picks))
    mixed = [row for pair in zip(*picks, strict=False) for row in pair]
    return mixed + [row for group in picks for row in group[shorter:]]


def _write_pictures(shard: Shard, row: int, images: Path, number: int) -> dict[str, str]:
    names = {}
    for name in PICTURES:
        if name in shard.image_names and shard.has(name, row):
            data, suffix = reduced(shard.encoded(name, row))
            names[name] = f"{number:03d}-{name}.{suffix}"
            (images / names[name]).write_bytes(data)
    return names


def reduced(data: bytes, side: int = SIDE) -> tuple[bytes, str]:
    """An encoded picture of at most `side` pixels, and its suffix: the same bytes if it is so."""
    with Image.open(io.BytesIO(data)) as picture:
        format = picture.format or "PNG"
        suffix = {"JPEG": "jpg"}.get(format, format.lower())
        if max(picture.size) <= side:
            return data, suffix
        buffer = io.BytesIO()
        small = picture.convert("L") if picture.mode == "1" else picture.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        small.save(buffer, format, quality=90)
        return buffer.getvalue(), suffix
