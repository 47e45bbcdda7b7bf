"""The files of a folder, in a file beside the record where they are many.

A record is read whenever Snakemake plans. The list of a folder of millions of files would make that
slow and large, so it is a table of its own: columns path, sha256, size (bytes) and mtime_ns, sorted
by path, Parquet. The record has the table's SHA-256 in the list's place. Who needs the files reads
them in their order, and never all at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from toffee.provenance.paths import LISTING
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, file_digest, remove

Entry = Mapping[str, Any]
"""What a file is: sha256, size (bytes), mtime_ns."""

MANY = 10_000
"""Files of a folder up to which a record lists them itself (about 2 MB)."""

DEEPEST = 200
"""Folders in each other that are walked."""

BATCH = 2**16
"""Rows that are in memory at a time."""

LARGEST_GROUP = 2**29
"""Bytes of as many rows with the longest names that there are."""


class Listing:
    """The table of a folder's files. It is checked when it is first read."""

    def __init__(self, place: Path, sha256: str) -> None:
        """Refer to a table.

        Args:
            place: where it is.
            sha256: its digest, as its record has it.
        """
        self.place, self.sha256, self._checked = place, sha256, False

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Path inside the folder and `Entry` of each file, sorted by path.

        Raises:
            ToffeeError: the table is not there, or not the one that its record names.
        """
        for batch in self._batches("path", "sha256", "size", "mtime_ns"):
            for name, *values in zip(*(column.to_pylist() for column in batch), strict=True):
                yield name, dict(zip(("sha256", "size", "mtime_ns"), values, strict=True))

    def find(self, name: str) -> dict[str, Any] | None:
        """The `Entry` of one file; only the part of the table that may have it is read."""
        import pyarrow.parquet as pq

        self._check()
        found = pq.read_table(self.place, filters=[("path", "=", name)]).to_pylist()
        return {key: value for key, value in found[0].items() if key != "path"} if found else None

    def count(self) -> int:
        """How many files there are."""
        import pyarrow.parquet as pq

        self._check()
        return pq.read_metadata(self.place).num_rows

    def tree(self) -> tuple[str, int]:
        """The folder's digest (see `toffee.provenance.digests.tree_digest`) and size (bytes)."""
        import pyarrow.compute as pc

        digest, size = hashlib.sha256(), 0
        for paths, digests, sizes in self._batches("path", "sha256", "size"):
            lines = pc.binary_join_element_wise(digests, paths, "  ")
            lines = pc.binary_join_element_wise(lines, "", "\n")
            digest.update("".join(lines.to_pylist()).encode())
            size += pc.sum(sizes).as_py() or 0
        return digest.hexdigest(), size

    def is_whole(self) -> bool:
        """Whether the table is there, and the one that its record names."""
        return self.place.is_file() and file_digest(self.place) == self.sha256

    def _check(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._checked:
            return
        if not self.is_whole():
            found = "another one" if self.place.is_file() else "no such file"
            raise ToffeeError(
                f"{self.place}: expected the list of files with SHA-256 {self.sha256[:16]}… that "
                f"its record names, found {found}"
            )
        try:
            table = pq.read_metadata(self.place)
            known = table.schema.to_arrow_schema().equals(_schema()) and _is_plain(table)
        except pa.ArrowException:
            known = False
        if not known:  # and its record was edited, too
            columns = ", ".join(_schema().names)
            raise ToffeeError(f"{self.place}: expected a Parquet table of {columns}")
        self._checked = True

    def _batches(self, *columns: str) -> Iterator[list[Any]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._check()
        try:
            with pq.ParquetFile(self.place) as table:
                for batch in table.iter_batches(BATCH, columns=list(columns)):
                    yield [batch.column(name) for name in columns]
        except (pa.ArrowException, OSError) as error:  # damaged, and its record was edited, too
            raise ToffeeError(f"{self.place}: cannot be read ({str(error).strip()})") from error


def _is_plain(table: Any) -> bool:
    """Whether a table's groups are no larger than what they unpack to: a dictionary has one value
    for many rows."""
    groups = (table.row_group(number) for number in range(table.num_row_groups))
    return all(
        group.total_byte_size <= LARGEST_GROUP
        and set(group.column(number).encodings) <= {"PLAIN", "RLE"}
        for group in groups
        for number in range(group.num_columns)
    )


class InOrder:
    """Finds entries of a listing by name; the names must come in the listing's order."""

    def __init__(self, items: Iterable[tuple[str, Any]]) -> None:
        self._items = iter(items)
        self._at = next(self._items, None)

    def get(self, name: str) -> Any:
        """What the listing has for a file; None where it has none."""
        while self._at is not None and self._at[0] < name:
            self._at = next(self._items, None)
        return self._at[1] if self._at is not None and self._at[0] == name else None


def listing_path(record: Path) -> Path:
    """Where the list of a folder stands, beside the record (or pointer) that is named after it."""
    return record.with_name(record.name + LISTING)


def with_listing(made: Mapping[str, Any], record: Path) -> dict[str, Any]:
    """A description from a record, with a `Listing` for `files` where these are in a table.

    Args:
        made: sha256, size and, of a folder, files.
        record: the record, or pointer, that is named after what is described.
    """
    files = made.get("files")
    found = Listing(listing_path(record), files) if isinstance(files, str) else files
    return {**made} if files is None else {**made, "files": found}


def lookup(files: Mapping[str, Entry] | Listing | None) -> Mapping[str, Entry] | InOrder:
    """Something with `get` by path, called in the order of paths (see `walk`)."""
    return InOrder(files.items()) if isinstance(files, Listing) else files or {}


def keep(items: Iterator[tuple[str, Entry]], place: Path) -> dict[str, Entry] | str:
    """What a record says of a folder's files: the files, or where they are many the SHA-256 of a
    table that is written to `place`. An older table there goes away.

    Args:
        items: path inside the folder and description, sorted by path.
        place: see `listing_path`.
    """
    first = dict(islice(items, MANY))
    more = list(islice(items, 1))
    if not more:
        remove(place)
        return first
    write(chain(first.items(), more, items), place)
    return file_digest(place)


def write(items: Iterator[tuple[str, Entry]], place: Path) -> None:
    """Write a listing. The same entries give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    with (
        atomic_path(place) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        while rows := list(islice(items, BATCH)):
            columns = [[name for name, _ in rows]]
            columns += [[entry[key] for _, entry in rows] for key in schema.names[1:]]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _schema() -> Any:
    import pyarrow as pa

    types = {"path": pa.string(), "sha256": pa.string(), "size": pa.int64(), "mtime_ns": pa.int64()}
    return pa.schema([pa.field(name, of, nullable=False) for name, of in types.items()])


def walk(
    folder: str | Path, links: bool = True, above: tuple[tuple[int, int], ...] = ()
) -> Iterator[str]:
    """All files below a folder, relative, sorted, but for Snakemake's own marks.

    One folder's names are in memory at a time.

    Args:
        folder: where.
        links: whether links to folders are followed; else they count as files.
        above: device and inode of the folders that lead to it.

    Raises:
        ToffeeError: a folder cannot be read, a link leads back to a folder above it, or folders are
            nested too deeply.
    """
    names = _names(folder, links)
    status = os.stat(folder)
    here = status.st_dev, status.st_ino
    if here in above:
        raise ToffeeError(f"{folder}: a link that leads back to a folder above it")
    if len(above) > DEEPEST:
        raise ToffeeError(f"{folder}: more than {DEEPEST} folders in each other")
    for name in names:
        if not name.endswith("/"):
            yield name
            continue
        yield from (name + below for below in walk(f"{folder}/{name[:-1]}", links, (*above, here)))


def _names(folder: str | Path, links: bool) -> list[str]:
    """Names in a folder, those of folders with a slash: so they sort as the paths below them."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name + "/" * _is_folder(entry, links) for entry in entries]
    except OSError as error:
        raise ToffeeError(f"cannot read {folder}: {error.strerror}") from error
    return sorted(name for name in names if name != ".snakemake_timestamp")


def _is_folder(entry: os.DirEntry[str], links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError:  # a link to itself, for instance: who opens it says so
        return False
