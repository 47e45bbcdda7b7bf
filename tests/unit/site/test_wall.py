import io
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from toffee.site.wall import reduced, sample

KINDS = ("generation", "background", "colour")


def index(accepted: int, rejected: int) -> pd.DataFrame:
    rows = [
        (n, KINDS[n % 3], n < accepted, "" if n < accepted else f"reason {n % 2}")
        for n in range(accepted + rejected)
    ]
    return pd.DataFrame(rows, columns=["sample_id", "kind", "accepted", "reason"])


@pytest.mark.parametrize(
    "accepted, rejected, expected",
    [(5_000, 900, (48, 48)), (100, 10, (86, 10)), (0, 20, (0, 20)), (30, 1_000, (30, 66))],
)
def test_sample_is_half_accepted_where_there_are_enough(accepted, rejected, expected):
    rows = sample(index(accepted, rejected))
    count = Counter(row["accepted"] for row in rows)
    assert (count[True], count[False]) == expected
    assert len({row["sample_id"] for row in rows}) == len(rows)


def test_sample_is_spread_and_fixed():
    table = index(3_000, 3_000)
    rows = sample(table)
    kinds = Counter((row["accepted"], row["kind"]) for row in rows)
    assert set(kinds.values()) == {16}
    reasons = Counter(row["reason"] for row in rows if not row["accepted"])
    assert set(reasons.values()) == {24}
    assert max(row["sample_id"] for row in rows if row["accepted"]) > 200
    assert sample(table) == rows


@pytest.mark.parametrize("format, suffix", [("JPEG", "jpg"), ("PNG", "png")])
def test_only_large_pictures_are_encoded_again(format, suffix):
    def encoded(side: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(buffer, format)
        return buffer.getvalue()

    small = encoded(64)
    assert reduced(small, 128) == (small, suffix)
    data, same = reduced(encoded(200), 128)
    assert same == suffix
    assert Image.open(io.BytesIO(data)).size == (128, 128)
