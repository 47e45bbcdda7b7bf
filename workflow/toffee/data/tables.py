"""Tables that describe pictures: CSV, or JSON lines. Every cell that is used is a text."""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toffee.data.texts import read_text
from toffee.runtime.errors import ToffeeError
from toffee.runtime.text import printable

LARGEST = 1 << 26
"""Bytes of a table: some 500,000 rows. More are a data set in Parquet (kind hub)."""
MOST_ROWS = 500_000


def read_table(
    path: str | os.PathLike[str],
    needed: Sequence[str],
    optional: Sequence[str] = (),
    other_names: Mapping[str, str] | None = None,
    strip: bool = True,
) -> list[dict[str, str]]:
    """The rows of a table with some of its columns; "" where a cell or an optional column is empty.

    Args:
        path: a CSV file with a head, or JSON lines (`.jsonl`).
        needed, optional: columns.
        other_names: what columns may be called instead.
        strip: whether spaces around a text do not count.

    Raises:
        ToffeeError: the file cannot be read, is malformed or too large, a needed column is missing,
            or a cell is no text. The line names the row, counted from 1 without the head.
    """
    path = Path(path)
    text = read_text(path, LARGEST)
    rows = _json_rows(path, text) if path.suffix == ".jsonl" else _csv_rows(path, text)
    columns = (*needed, *optional)
    found: list[dict[str, str]] = []
    head: Mapping[str, Any] | None = None
    for number, row in enumerate(rows):  # row 0 is the head
        called = {name: row[other] for other, name in (other_names or {}).items() if other in row}
        called |= row
        if head is None or path.suffix == ".jsonl":
            head = called
            _check_columns(path, number, called, needed)
        if number > MOST_ROWS:
            raise ToffeeError(f"{path}: more than {MOST_ROWS} rows, expected fewer")
        if number > 0:
            shown = {name: other for other, name in (other_names or {}).items() if name not in row}
            cells = {
                name: _text(path, number, shown.get(name, name), called.get(name))
                for name in columns
            }
            found.append({name: one.strip() if strip else one for name, one in cells.items()})
    return found


def _check_columns(path: Path, number: int, row: Mapping[str, Any], needed: Sequence[str]) -> None:
    for name in needed:
        if name not in row:
            where = f", row {number}" if number else ""
            expected = ", ".join(needed)
            raise ToffeeError(f"{path}{where}: column {name} is missing, expected {expected}")


def _text(path: Path, number: int, column: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        kinds = {dict: "a mapping", list: "a list", bool: "true or false", int: "a number"}
        kind = kinds.get(type(value), "a number")
        raise ToffeeError(f"{path}, row {number}: column {column} is {kind}, expected a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # JSON can name half a character, which no file can hold
        raise ToffeeError(
            f"{path}, row {number}: column {column} has {printable(value[error.start])}, which is "
            "half a character, expected a text"
        ) from error
    return value


def _csv_rows(path: Path, text: str) -> Iterator[dict[str, str]]:
    """The head, each column by its own name, and the rows."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [name.strip() for name in next(rows, [])]
        if not head:
            raise ToffeeError(f"{path}: cannot be read (it is empty), expected a head of columns")
        if twice := next((name for name in head if name and head.count(name) > 1), None):
            raise ToffeeError(f"{path}: column {twice} is there twice, expected once")
        yield dict(zip(head, head, strict=True))
        for number, cells in enumerate(filter(None, rows), start=1):  # not empty lines
            if len(cells) > len(head):
                raise ToffeeError(
                    f"{path}, row {number}: {len(cells)} cells, expected {len(head)} as in the "
                    'head: a text with a comma stands in quotes ("a red, white mug")'
                )
            yield dict(zip(head, cells, strict=False))
    except csv.Error as error:
        raise ToffeeError(f"{path}, line {rows.line_num}: not a CSV file: {error}") from error


def _json_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    """The rows; the first one stands for the head too."""
    lines = (line for line in text.split("\n") if line.strip())
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise ToffeeError(f"{path}, row {number}: cannot be read ({reason})") from error
        if not isinstance(row, dict):
            raise ToffeeError(f"{path}, row {number}: no mapping, expected column: value")
        if number == 1:
            yield row
        yield row
