"""Tables that would take the audit gigabytes or minutes are refused before they are read."""

import os
import time

import pytest

from toffee.audit.limits import MOST_COLUMNS, MOST_METRICS, MOST_ROWS, refuse_large_files
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
