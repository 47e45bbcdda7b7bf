import io
import resource
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from toffee.runtime.errors import ToffeeError
from toffee.site.wall import POOL, candidates, reduced, sample

KINDS = ("generation", "background", "colour")


def index(accepted: int, rejected: int) -> pd.DataFrame:
    rows = [
        (n, KINDS[n % 3], n < accepted, "" if n < accepted else f"reason {n % 2}")
        for n in range(accepted + rejected)
    ]
    table = pd.DataFrame(rows, columns=["sample_id", "kind", "accepted", "reason"])
    return table.astype({"sample_id": str}).assign(shard="00000", row=range(len(table)))


def groups(table: pd.DataFrame) -> list[pd.DataFrame]:
    parts = table[table["accepted"]], table[~table["accepted"]]
    return [part.sample(min(POOL, len(part)), random_state=0).sort_index() for part in parts]


def written(table: pd.DataFrame, folder) -> Path:
    table.to_parquet(folder / "index.parquet", index=False)
    return folder / "index.parquet"


def test_few_rows_are_read_at_a_time_and_they_are_those_of_the_whole(tmp_path, monkeypatch):
    table = index(1_500, 4_000)
    table.to_parquet(tmp_path / "index.parquet", index=False, row_group_size=700)
    monkeypatch.setattr("toffee.site.wall.MOST_IN_GROUP", 700)
    counts, found = candidates(tmp_path / "index.parquet")
    for group, whole in zip(found, (table[table.accepted], table[~table.accepted]), strict=True):
        drawn = whole.sample(POOL, random_state=0).sort_index()
        expected = drawn[list(group.columns)].to_dict("records")
        assert group.to_dict("records") == expected
    counted = table.groupby("kind")["accepted"].agg(["size", "sum"]).itertuples()
    assert [tuple(one.values()) for one in counts] == [tuple(row) for row in counted]


def test_an_index_may_be_empty_and_its_texts_are_short(tmp_path):
    counts, found = candidates(written(index(0, 0), tmp_path))
    assert counts == [] and list(map(len, found)) == [0, 0]
    with pytest.raises(ToffeeError, match="reason of 5000 bytes, expected a short text"):
        candidates(written(index(3, 3).assign(reason="x" * 5000), tmp_path))
    with pytest.raises(ToffeeError, match="expected the filter's index"):
        candidates(written(index(3, 3).drop(columns="reason"), tmp_path))


def test_a_text_that_many_rows_share_is_in_memory_once(tmp_path):
    """Nine hundred megabytes in a file of some kilobytes."""
    rows, path = 300_000, tmp_path / "index.parquet"
    names = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["x" * 3000])
    columns = dict.fromkeys(("sample_id", "shard", "kind", "reason"), names)
    numbers = {"accepted": pa.repeat(True, rows), "row": pa.repeat(0, rows)}
    pq.write_table(pa.table(columns | numbers), path, store_schema=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts, _ = candidates(path)
    assert sum(one["candidates"] for one in counts) == rows
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


@pytest.mark.parametrize(
    ("limit", "value", "line"),
    [
        ("MOST_ROWS", 5, "6 rows, expected fewer"),
        ("MOST_IN_GROUP", 5, "6 rows in a row group, expected fewer"),
        ("MOST_KINDS", 2, "3 kinds or a long one"),
        ("LARGEST_CHUNK", 60, "[a-z_]+ has [0-9]+ bytes in a row group"),
    ],
)
def test_an_index_that_would_take_gigabytes_or_minutes(tmp_path, monkeypatch, limit, value, line):
    """A hundred million equal rows are a file of 2 MB, and took 50 s."""
    monkeypatch.setattr(f"toffee.site.wall.{limit}", value)
    with pytest.raises(ToffeeError, match=line):
        candidates(written(index(3, 3), tmp_path))


def test_a_row_without_a_kind_counts_for_none(tmp_path):
    table = index(3, 3).assign(kind=[None, "a", "b", "b", None, "b"])
    counts, _ = candidates(written(table, tmp_path))
    assert [tuple(one.values()) for one in counts] == [("a", 1, 1), ("b", 3, 1)]


@pytest.mark.parametrize(
    "accepted, rejected, expected",
    [(5_000, 900, (48, 48)), (100, 10, (86, 10)), (0, 20, (0, 20)), (30, 1_000, (30, 66))],
)
def test_sample_is_half_accepted_where_there_are_enough(accepted, rejected, expected):
    table = index(accepted, rejected)
    rows = sample(groups(table))
    count = Counter(row["accepted"] for row in rows)
    assert (count[True], count[False]) == expected
    assert len({row["sample_id"] for row in rows}) == len(rows)


def test_sample_is_spread_and_fixed():
    table = index(3_000, 3_000)
    rows = sample(groups(table))
    kinds = Counter((row["accepted"], row["kind"]) for row in rows)
    assert set(kinds.values()) == {16}
    reasons = Counter(row["reason"] for row in rows if not row["accepted"])
    assert set(reasons.values()) == {24}
    assert max(row["row"] for row in rows if row["accepted"]) > 200
    assert sample(groups(table)) == rows


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
