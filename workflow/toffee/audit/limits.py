"""What the audit reads whole has to be as small as what jobs write.

Whoever may write a results folder can give a table two gigabytes of nothing, or one row of a
million columns, and make every digest right.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from toffee.provenance.digests import read_text
from toffee.runtime.errors import ToffeeError

LARGEST_TEXT = 1 << 20
"""Bytes of a table or a caption; the largest of a run has some 50 kB."""
MOST_ROWS = 10_000
MOST_COLUMNS = 100
MOST_METRICS = 500
"""Each may become a panel of the page."""
LARGEST_SCORES = 1 << 28
"""Bytes of the texts of real photos' scores; 158 photos have some 1,000 rows, of 100 bytes each."""
MOST_SCORES = 10_000_000
"""Rows of these scores."""
LARGEST_FILE = 1 << 28
"""Bytes of any other file that is copied."""
TEXTS = (".csv", ".tsv", ".md", ".rst", ".txt", ".json")
FORMATS = (".parquet", ".h5")
"""Who reads these reads few rows at a time, and checks them first."""


def refuse_large_files(paths: Iterable[Path]) -> None:
    """Raise ToffeeError where a file is larger than any that a page is made from."""
    for path in paths:
        if not path.is_file() or path.suffix in FORMATS:
            continue
        size, most = path.stat().st_size, LARGEST_TEXT if path.suffix in TEXTS else LARGEST_FILE
        if size > most:
            raise ToffeeError(f"{path}: {size} bytes, expected at most {most}")
        if path.suffix == ".csv":
            _refuse_wide_table(path)


def _refuse_wide_table(path: Path) -> None:
    metrics: set[str] = set()
    place = None
    try:
        for number, row in enumerate(csv.reader(io.StringIO(read_text(path), newline=""))):
            if number == 0 and "metric" in row[:MOST_COLUMNS]:
                place = row.index("metric")
            if place is not None:
                metrics.update(row[place : place + 1])
            if number > MOST_ROWS or len(row) > MOST_COLUMNS or len(metrics) > MOST_METRICS:
                most = f"{MOST_ROWS} rows, {MOST_COLUMNS} columns and {MOST_METRICS} metrics"
                raise ToffeeError(f"{path}, row {number}: expected at most {most}")
    except csv.Error as error:
        raise ToffeeError(f"{path}: expected a table ({error})") from error


def refuse_large_scores(table: Path) -> None:
    """Raise ToffeeError where a Parquet file of scores may unpack to gigabytes: a text that stands
    in the file once may be that of every row."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    schema, metadata = pq.read_schema(table), pq.read_metadata(table)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    stored = sum(group.total_byte_size for group in groups)
    if metadata.num_rows > MOST_SCORES or stored > LARGEST_SCORES:
        found = f"{metadata.num_rows} rows of {stored} bytes"
        raise ToffeeError(f"{table}: {found}, expected at most {MOST_SCORES} of {LARGEST_SCORES}")
    texts = [one.name for one in schema if "string" in str(one.type)]
    total = 0
    for batch in pq.ParquetFile(table, read_dictionary=texts).iter_batches(1000):
        for name in texts:
            text = batch[name]
            lengths = pc.binary_length(text.dictionary)
            total += pc.sum(lengths.take(text.indices)).as_py() or 0
        if total > LARGEST_SCORES:
            raise ToffeeError(f"{table}: more than {LARGEST_SCORES} bytes of text")
