"""Rows of a table of an SQLite database from elsewhere, within bounds of time and memory."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from toffee.runtime.errors import ToffeeError

SECONDS, SECONDS_DISTINCT = 9.0, 60.0
"""Most time to read uCO3D's 170,000 sequences; and to find the different ones among its frames."""
MOST_ROWS = 1_000_000
LARGEST_CELL = 100_000
_STEPS = 10_000  # of the database's machine between two looks at the clock


def read_rows(
    path: Path, table: str, columns: Sequence[str], distinct: bool = False
) -> Iterator[tuple[str, ...]]:
    """Some columns of a table as texts, "" where there is none.

    A view and a computed column are refused: they are programs, which need not end.

    Raises:
        ToffeeError: it is no such database, a cell is no text, or it takes too long.
    """
    if not path.is_file():
        raise ToffeeError(f"{path}: no file, expected a database")
    # Immutable: no lock is taken, which network file systems may not have.
    address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.text_factory = bytes
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 24)
            end = time.monotonic() + (SECONDS_DISTINCT if distinct else SECONDS)
            connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
            connection.execute("PRAGMA trusted_schema = OFF")
            if problem := _program(connection, table):
                raise ToffeeError(f"{path}: not uCO3D's database ({problem})")
            names = ", ".join(columns)
            rows = connection.execute(f"SELECT {'DISTINCT' * distinct} {names} FROM {table}")
            for number, row in enumerate(rows, start=1):
                if number > MOST_ROWS:
                    raise ToffeeError(f"{path}: more than {MOST_ROWS} rows of {table}")
                yield tuple(_text(path, number, *cell) for cell in zip(columns, row, strict=True))
    except sqlite3.Error as error:
        raise ToffeeError(f"{path}: not uCO3D's database ({error})") from error


def _program(connection: sqlite3.Connection, table: str) -> str:
    """Why reading a table could run a program of the database's author; "" where it does not."""
    listed = "SELECT type, sql LIKE '%VIRTUAL%' FROM sqlite_master WHERE name = ?"
    if (found := connection.execute(listed, (table,)).fetchone()) is None:
        return f"no table {table}"
    is_computed = connection.execute(
        "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden", (table,)
    ).fetchone()[0]
    if found[0] != b"table" or found[1] or is_computed:
        return f"{table} is a view or computed, expected a table"
    return ""


def _text(path: Path, row: int, column: str, value: object) -> str:
    if value is None:
        return ""
    try:
        if not isinstance(value, bytes) or len(value) > LARGEST_CELL:
            raise ValueError
        return value.decode("utf-8")
    except ValueError as error:
        raise ToffeeError(
            f"{path}, row {row}: column {column} is {type(value).__name__}, expected a short text"
        ) from error
