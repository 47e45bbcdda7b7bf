"""Tables that would take the audit gigabytes or minutes are refused before they are read."""

import os
import time
from contextlib import nullcontext

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toffee.audit.limits import (
    MOST_COLUMNS,
    MOST_METRICS,
    MOST_ROWS,
    refuse_large_files,
    refuse_large_scores,
)
from toffee.runtime.errors import ToffeeError

HEAD = "method,setting,metric,value,stderr,n,source\n"


def test_what_a_run_writes_is_fine(tmp_path):
    (tmp_path / "table.csv").write_text(HEAD + "a,b,dino,1,,,measured\n" * 5_000)
    (tmp_path / "none.csv").touch()
    (tmp_path / "figure.png").write_bytes(bytes(3 << 20))
    (tmp_path / "shard.h5").touch()
    os.truncate(tmp_path / "shard.h5", 3 << 30)
    refuse_large_files([*tmp_path.iterdir(), tmp_path / "gone.csv", tmp_path])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "," * MOST_COLUMNS, "row 1: expected at most"),
        ("," * 1_000_000, "row 0: expected at most"),
        ("a\n" * (MOST_ROWS + 2), "expected at most"),
        (HEAD + "".join(f"a,b,{n}\n" for n in range(MOST_METRICS)), "500 metrics"),
        (HEAD + "x" * 200_000, "expected a table"),
    ],
)
def test_tables(tmp_path, text, line):
    (tmp_path / "table.csv").write_text(text)
    start = time.process_time()
    with pytest.raises(ToffeeError, match=line):
        refuse_large_files([tmp_path / "table.csv"])
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["table.csv", "verdict.tsv", "caption.rst", "figure.png"])
def test_gigabytes_of_nothing(tmp_path, name):
    """Such a table took 22 GB to be read."""
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 2 << 30)
    with pytest.raises(ToffeeError, match=f"{name}: 2147483648 bytes, expected at most"):
        refuse_large_files([tmp_path / name])


@pytest.mark.parametrize(("length", "refused"), [(100, False), (100_000, True)])
def test_scores_whose_one_text_is_that_of_every_row(tmp_path, length, refused):
    """A hundred kilobytes in the file, half a gigabyte in memory."""
    texts = pa.DictionaryArray.from_arrays(np.zeros(5_000, np.int32), ["x" * length])
    table = pa.table({"subject": texts, "value": pa.repeat(0.5, 5_000)})
    pq.write_table(table, tmp_path / "scores.parquet", store_schema=False)
    with pytest.raises(ToffeeError, match="bytes of text") if refused else nullcontext():
        refuse_large_scores(tmp_path / "scores.parquet")
