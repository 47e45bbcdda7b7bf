"""The journal of a file that is written batch by batch.

HDF5 cannot take single batches safely: a process that is killed during a flush can leave a file
that no longer opens. So the rows collect in an append-only file, whose batches each have their own
SHA-256. A batch is committed once its record is whole on disk. What a kill or a full disk tore off
is cut away on the next start.
"""

import fcntl
import hashlib
import io
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toffee.runtime.errors import ToffeeError

PARTIAL = ".partial"
"""What the name of a journal adds to the name of the file."""

_RECORD = struct.Struct("<4sQ32s")  # magic, payload length in bytes, SHA-256 of the payload
_MAGIC = b"TFB1"


class Journal:
    """A journal that is open for appending and reading, and locked against other processes.

    Args:
        path: the journal; its whole batches are kept if it exists and starts with this header.
        header: what the rows depend on.

    Attributes:
        rows: committed rows, those found at the start included.

    Raises:
        ToffeeError: another process writes the journal.
        OSError: the disk is full; nothing but whole records is left of the journal.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        self.path = path
        self.file = _open_locked(path)
        try:
            self.rows, self._end = self._resume(header)
        except BaseException:
            self.file.close()
            raise

    def append(
        self,
        rows: int,
        columns: Mapping[str, Sequence[Any]],
        images: Mapping[str, Sequence[bytes]],
    ) -> None:
        """Commit one batch: when this returns, the batch is safe from a kill.

        Args:
            rows: number of rows.
            columns: values of every column.
            images: encoded images by name, empty where a row has none.
        """
        lengths = {name: [len(blob) for blob in blobs] for name, blobs in images.items()}
        description = json.dumps({"rows": rows, "columns": columns, "lengths": lengths}).encode()
        blobs = b"".join(blob for name in images for blob in images[name])
        self._end = self._write_record(
            struct.pack("<I", len(description)) + description + blobs, self._end
        )
        self.rows += rows

    def batches(self) -> Iterator[tuple[int, dict[str, list[Any]], dict[str, list[bytes]]]]:
        """The committed batches, as they were appended: rows, columns and images."""
        for index, (payload, _) in enumerate(self._records()):
            if index:
                yield _unpack(payload)

    def close(self) -> None:
        """Close the file, which also unlocks it."""
        self.file.close()

    def _resume(self, header: bytes) -> tuple[int, int]:
        """Cut the journal back to its last whole batch; (committed rows, length in bytes)."""
        rows, end = 0, 0
        for index, (payload, position) in enumerate(self._records()):
            if index:
                rows += _unpack(payload)[0]
            elif payload != header:
                break
            end = position
        self.file.truncate(end)
        if end == 0:
            end = self._write_record(header, 0)
        return rows, end

    def _write_record(self, payload: bytes, start: int) -> int:
        """Append one record and wait until it is on disk; returns the new end."""
        record = _RECORD.pack(_MAGIC, len(payload), hashlib.sha256(payload).digest()) + payload
        rest = memoryview(record)
        try:
            while rest:
                rest = rest[self.file.write(rest) :]
            os.fsync(self.file.fileno())
        except OSError:
            self.file.truncate(start)
            raise
        return start + len(record)

    def _records(self) -> Iterator[tuple[bytes, int]]:
        """The whole records and the position behind each, up to the first torn one."""
        size = os.fstat(self.file.fileno()).st_size
        self.file.seek(0)
        while True:
            head = self.file.read(_RECORD.size) or b""
            if len(head) < _RECORD.size:
                return
            magic, length, digest = _RECORD.unpack(head)
            if magic != _MAGIC or length > size:
                return
            payload = self.file.read(length) or b""
            if len(payload) < length or hashlib.sha256(payload).digest() != digest:
                return
            yield payload, self.file.tell()


def _open_locked(path: Path) -> io.FileIO:
    # Unbuffered: what a full disk refused must not come back at the next flush.
    file = open(path, "a+b", buffering=0)  # noqa: SIM115 - open until close()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise ToffeeError(
            f"{path} is being written by another process; wait for it or end it"
        ) from error
    except OSError:
        pass  # the file system has no locks: only Snakemake's lock protects the file
    return file


def _unpack(payload: bytes) -> tuple[int, dict[str, list[Any]], dict[str, list[bytes]]]:
    """The rows, columns and encoded images of a batch."""
    (length,) = struct.unpack_from("<I", payload)
    position = 4 + length
    description = json.loads(payload[4:position])
    images: dict[str, list[bytes]] = {}
    for name, lengths in description["lengths"].items():
        images[name] = []
        for size in lengths:
            images[name].append(payload[position : position + size])
            position += size
    return description["rows"], description["columns"], images
