"""The dataset wall: a fixed sample of candidate pairs, with scores and the filter's verdict."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
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
BATCH = 1 << 14
MOST_ROWS = 10**8
LONGEST = 1 << 12
"""Bytes of a text of the index."""
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
            if table.metadata.num_rows > MOST_ROWS:
                raise ToffeeError(f"{index}: {table.metadata.num_rows} rows, expected fewer")
            verdicts, kinds = [], []
            for batch in table.iter_batches(BATCH, columns=["accepted", "kind"]):
                frame = batch.to_pandas()
                verdicts.append(frame["accepted"].to_numpy(dtype=bool))
                kinds.append(frame.groupby("kind", observed=True)["accepted"].agg(["size", "sum"]))
            accepted = np.concatenate([np.empty(0, bool), *verdicts])
            places = [_drawn(np.flatnonzero(accepted == wanted)) for wanted in (True, False)]
            return _counts(kinds), [_rows(table, some, index) for some in places]
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{index}: expected the filter's index ({error})") from error


def _counts(kinds: Sequence[pd.DataFrame]) -> list[dict[str, Any]]:
    """Sums of the numbers of single parts, by kind."""
    whole: dict[str, list[int]] = {}
    for kind, size, kept in (row for part in kinds for row in part.itertuples()):
        sums = whole.setdefault(str(kind), [0, 0])
        whole[str(kind)] = [sums[0] + int(size), sums[1] + int(kept)]
    return [
        {"kind": kind, "candidates": size, "accepted": kept}
        for kind, (size, kept) in sorted(whole.items())
    ]


def _drawn(places: np.ndarray) -> np.ndarray:
    """At most `POOL` of some places, in order."""
    drawn = pd.Series(places).sample(min(POOL, len(places)), random_state=0)
    return np.sort(drawn.to_numpy())


def _rows(table: pq.ParquetFile, places: np.ndarray, index: Path) -> pd.DataFrame:
    """Some rows of the index, by place."""
    found, start = [], 0
    for batch in table.iter_batches(BATCH, columns=list(COLUMNS)):
        for name in COLUMNS[2:]:
            longest = pc.max(pc.binary_length(batch[name].dictionary)).as_py() or 0
            if longest > LONGEST:
                raise ToffeeError(f"{index}: {name} of {longest} bytes, expected a short text")
        inside = places[(places >= start) & (places < start + len(batch))] - start
        found.append(batch.take(pa.array(inside)).to_pandas())
        start += len(batch)
    texts = dict.fromkeys(COLUMNS[2:], object)
    return pd.concat(found).astype(texts) if found else pd.DataFrame(columns=list(COLUMNS))


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
