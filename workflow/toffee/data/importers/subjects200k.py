"""Subjects200K (Yuanshi/Subjects200K, arXiv 2411.15098) as released: pairs, side by side.

From the data set's card and its project's reader (Yuanshi9815/OminiControl, src/train/data.py):

    image                 two square pictures in one, each with a margin: 1056 x 528 pixels, of
                          which 8 to 520 and 528 to 1040 across; others are twice as large
    description           item, category, description_0 (left), description_1, description_valid
    quality_assessment    compositeStructure, objectConsistency, imageQuality: 0 to 5, or empty

A subject is the left picture of a pair, its class word the item. Pairs below 5 in any score are set
aside, as the project's training does. There are no masks: they are segmented.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from toffee.data.faults import SetAside
from toffee.data.importers.hub import stream_pictures
from toffee.data.importers.pictures import decode_image
from toffee.data.importers.sources import Picture

SCORES = ("compositeStructure", "objectConsistency", "imageQuality")
BEST = 5
MARGIN = 66
"""Heights of a pair's picture in its margin: 8 of 528 pixels, 16 of 1056."""

COLUMNS = {
    "image": "image",
    "class_word": "description.item",
    "caption": "description.description_0",
    "mask": None,
    "config": None,
}


def stream_subjects200k(source: Mapping[str, Any]) -> Iterator[Picture]:
    """The left pictures of the pairs, in the data set's order.

    Args:
        source: repo, revision (None: repo is a folder), split and licence, as `stream_pictures`
            takes them.

    Raises:
        ToffeeError: as `stream_pictures`.
    """
    for picture in stream_pictures({**source, **COLUMNS}, _fault_of):
        yield replace(picture, image=partial(_left, picture))


def _fault_of(row: Mapping[str, Any]) -> str:
    """Why a pair is not used, "" where it is."""
    scores = row.get("quality_assessment") or {}
    valid = (row.get("description") or {}).get("description_valid")
    if valid is False:
        return "its description is marked as not valid"
    low = [name for name in SCORES if (scores.get(name) or 0) < BEST]
    return f"{low[0]} is {scores.get(low[0])}, expected {BEST}" if low else ""


def _left(picture: Picture) -> bytes:
    """The left one of two pictures side by side, as PNG."""
    pair = decode_image(picture.image(), picture.file)
    side = pair.height
    if pair.width != 2 * side:
        found = f"{pair.width} x {pair.height} pixels, expected two squares side by side"
        raise SetAside(picture.file, "no picture", found)
    margin = side // MARGIN
    out = io.BytesIO()
    pair.crop((margin, margin, side - margin, side - margin)).save(out, "PNG", compress_level=1)
    return out.getvalue()
