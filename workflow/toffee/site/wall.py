"""The dataset wall: a fixed sample of candidate pairs, with scores and the filter's verdict."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from toffee.config.sections.filter import SCORES
from toffee.figures.pictures import open_shard, read_index, varied
from toffee.storage.reader import Shard

PAIRS = 96
POOL = 500
"""Candidates, accepted and rejected each, that the sample is chosen from."""
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
    table = read_index(index)
    images.mkdir(parents=True)
    chosen = sample(table)
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
    counted = table.groupby("kind")["accepted"].agg(["size", "sum"])
    counts = [
        {"kind": str(kind), "candidates": int(size), "accepted": int(kept)}
        for kind, size, kept in counted.itertuples()
    ]
    return {"counts": counts, "pairs": pairs}


def sample(table: pd.DataFrame, count: int = PAIRS) -> list[dict[str, Any]]:
    """Rows of the index: accepted and rejected ones in equal numbers where there are enough, in
    turn, spread over kinds and reasons."""
    groups = [table[table["accepted"]], table[~table["accepted"]]]
    half = count // 2
    sizes = [
        min(len(group), max(half, count - len(other)))
        for group, other in zip(groups, groups[::-1], strict=True)
    ]
    picks = []
    for group, size in zip(groups, sizes, strict=True):
        pool = group.sample(min(POOL, len(group)), random_state=0).sort_index()
        picks.append(varied(pool.to_dict("records"), size, ("reason", "kind")))
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
