"""Writing a file of images and columns (see `storage.layout`) batch by batch.

The rows collect in a journal (see `storage.journal`). From the finished journal the HDF5 file is
made row by row and renamed. So a shard's bytes depend on its content alone: not on how often the
job was killed, and not on the size of the batches.

With the environment variable TOFFEE_KEEP_JOURNALS the journal of a finished file stays, and the
file can be made from it again. Jobs that share one submission need this: when a later one of them
fails, Snakemake runs all of them again.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from toffee.runtime.background import BackgroundWorker
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import KEEP_JOURNALS, atomic_path, disk_full_as_error
from toffee.runtime.signals import defer_sigterm, interrupted, stop_if_interrupted
from toffee.storage.encoding import MINIMUM_QUALITY, ImageFormat, check_format, encode
from toffee.storage.journal import PARTIAL, Journal
from toffee.storage.layout import DIGEST, DTYPES, ColumnType, Layout

Columns = Mapping[str, Sequence[Any]]
Images = Mapping[str, Sequence[np.ndarray | bytes | None]]

_MEMORY_BLOCK = 1 << 24  # bytes by which the file in memory grows


class ShardWriter:
    """Write a file of `total` rows batch by batch; after a kill, resume at the last whole batch.

    Used as a context manager. Leaving it normally writes the HDF5 file under a temporary name and
    renames it to `path`; leaving it with an exception keeps `<path>.partial`, from which the next
    writer of the same identity resumes. So does SIGTERM, after the batch that is being drawn:

        with ShardWriter(path, total=len(plan), identity=identity, images={"target": "jpeg"},
                         columns={"sample_id": "str"}) as writer:
            for batch in batches(plan[writer.done:]):
                writer.push({"sample_id": batch.sample_id}, {"target": draw(batch)})

    Args:
        path: the finished file.
        total: its number of rows.
        identity: what the rows depend on (a digest of inputs, parameters and code). A partial file
            of another identity, total or layout is discarded.
        images: name → `jpeg`, `png` or `mask`: how arrays are encoded.
        columns: name → `str`, `int` or `float`.
        quality: JPEG quality, at least 95.

    Raises:
        ToffeeError: another process writes the file, the quality is below 95, the disk is full, a
            batch does not fit the layout, or the writer is closed before it has all rows.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        total: int,
        identity: str,
        images: Mapping[str, ImageFormat],
        columns: Mapping[str, ColumnType],
        quality: int = MINIMUM_QUALITY,
    ) -> None:
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + PARTIAL)
        self.layout = Layout(identity, int(total), int(quality), dict(images), dict(columns))
        self.layout.check(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._worker = BackgroundWorker()
        with disk_full_as_error(self.path):
            self._journal = Journal(self.partial, self.layout.header())

    @property
    def done(self) -> int:
        """Committed rows, those found at the start included."""
        return self._journal.rows

    def append(self, columns: Columns, images: Images) -> None:
        """Commit one batch: when this returns, the batch is safe from a kill.

        Args:
            columns: every column's values of these rows; a float may be None or NaN for "no value".
            images: every image's arrays of these rows: uint8 [H, W, 3] RGB, or bool [H, W] of a
                mask; None where a row has no such image. Bytes of another shard (`Shard.encoded`)
                are stored as they are, so that copying loses nothing: JPEG or PNG where the format
                is `jpeg`, PNG where it is `png`, a 1-bit PNG where it is `mask`.

        Raises:
            ToffeeError: a name or length does not fit, an array has the wrong type, there are more
                rows than `total`, or the disk is full (committed batches stay).
            Interrupted: SIGTERM arrived and rows are missing; the batch is committed.
        """
        self._worker.wait()
        self._commit(columns, images)
        self._stop_if_interrupted()

    def push(self, columns: Columns, images: Images) -> None:
        """As `append`, while the caller draws the next batch: a thread encodes and commits.

        The arrays must not change any more. A kill loses at most the batches that are not counted
        in `done` yet: the one that is being committed and one that waits.

        Raises:
            ToffeeError: as in `append`, for this batch or an earlier one. `close` raises the errors
                of the last batches.
            Interrupted: as in `append`; all batches that were given are committed.
        """
        self._worker.submit(self._commit, columns, images)
        if interrupted():
            self._worker.wait()
            self._stop_if_interrupted()

    def _stop_if_interrupted(self) -> None:
        if self.done < self.layout.total:
            stop_if_interrupted(
                f"{self.done} of {self.layout.total} rows are kept in {self.partial}"
            )

    def _commit(self, columns: Columns, images: Images) -> None:
        rows = self._count_rows(columns, images)
        if rows == 0:
            return
        values = {name: self._values(name, columns[name]) for name in self.layout.columns}
        encoded = {name: self._encoded(name, images[name]) for name in self.layout.images}
        with disk_full_as_error(self.path):
            self._journal.append(rows, values, encoded)

    def _count_rows(self, columns: Columns, images: Images) -> int:
        """The number of rows of a batch, after a check of its names and lengths."""
        for kind, given, expected in (
            ("columns", set(columns), set(self.layout.columns)),
            ("images", set(images), set(self.layout.images)),
        ):
            if given != expected:
                raise ToffeeError(
                    f"{self.path}: a batch has the {kind} {sorted(given)}, "
                    f"expected {sorted(expected)}"
                )
        lengths = {name: len(values) for name, values in [*columns.items(), *images.items()]}
        if len(set(lengths.values())) > 1:
            raise ToffeeError(f"{self.path}: a batch has parts of different lengths: {lengths}")
        rows = next(iter(lengths.values()), 0)
        if self.done + rows > self.layout.total:
            raise ToffeeError(
                f"{self.path}: {self.done} + {rows} rows are more than the expected "
                f"{self.layout.total}"
            )
        return rows

    def _values(self, name: str, values: Sequence[Any]) -> list[Any]:
        kind = self.layout.columns[name]
        result: list[Any] = []
        for row, value in enumerate(values):
            try:
                if kind == "str":
                    if not isinstance(value, str) or "\0" in value:
                        raise TypeError
                    result.append(str(value))
                elif kind == "int":
                    if int(value) != value:
                        raise TypeError
                    result.append(int(value))
                else:
                    result.append(float("nan") if value is None else float(value))
            except (TypeError, ValueError) as error:
                raise ToffeeError(
                    f"{self.path}, row {self.done + row}: column {name} is {value!r}, "
                    f"expected {kind}"
                ) from error
        return result

    def _encoded(self, name: str, images: Sequence[np.ndarray | bytes | None]) -> list[bytes]:
        format = self.layout.images[name]
        result = []
        for row, image in enumerate(images):
            try:
                if isinstance(image, bytes):
                    check_format(image, format)
                    result.append(image)
                elif image is None:
                    result.append(b"")
                else:
                    result.append(encode(image, format, self.layout.quality))
            except ToffeeError as error:
                raise ToffeeError(
                    f"{self.path}, row {self.done + row}, image {name}: {error}"
                ) from error
        return result

    def close(self) -> None:
        """Make the finished file from the journal, and remove the journal unless it must stay.

        The file is made in memory, which takes about twice its size.

        Raises:
            ToffeeError: rows are missing, or the disk is full, or a batch that was pushed does not
                fit; the journal stays.
        """
        self._worker.wait()
        if self.done != self.layout.total:
            raise ToffeeError(
                f"{self.path} has {self.done} rows, expected {self.layout.total}; "
                f"{self.partial.name} is kept"
            )
        with atomic_path(self.path) as temporary:
            self._write_hdf5(temporary)
        if KEEP_JOURNALS not in os.environ:
            self.partial.unlink()
        self._journal.close()

    def _write_hdf5(self, path: Path) -> None:
        # In memory first: HDF5 crashes the process when the disk fills under an open file. libver
        # and track_order pin the layout, and times are not tracked: equal rows, equal bytes.
        with h5py.File(
            path.name,
            "w",
            driver="core",
            backing_store=False,
            block_size=_MEMORY_BLOCK,
            libver=("earliest", "v110"),
            track_order=False,
        ) as file:
            self.layout.create(file)
            self._copy_rows(file)
            file.flush()
            image = file.id.get_file_image()
        with open(path, "wb") as finished:
            finished.write(image)
            finished.flush()
            os.fsync(finished.fileno())

    def _copy_rows(self, file: h5py.File) -> None:
        """Copy the journal's rows: images one by one, what is small (columns, digests) at once."""
        targets = {name: file["images"][name] for name in self.layout.images}
        columns: dict[str, list[Any]] = {name: [] for name in self.layout.columns}
        digests: dict[str, list[bytes]] = {name: [] for name in self.layout.images}
        start = 0
        for rows, values, images in self._journal.batches():
            for name in columns:
                columns[name] += values[name]
            for name in digests:
                digests[name] += [
                    hashlib.sha256(blob).hexdigest().encode() if blob else b""
                    for blob in images[name]
                ]
            for row in range(rows):
                for name, target in targets.items():
                    if images[name][row]:
                        target[start + row] = np.frombuffer(images[name][row], np.uint8)
            start += rows
        if start != self.layout.total:
            raise ToffeeError(f"{self.partial} was changed while {self.path} was written from it")
        for name, kind in self.layout.columns.items():
            file["columns"][name][...] = np.array(columns[name], dtype=DTYPES[kind])
        for name in self.layout.images:
            file["sha256"][name][...] = np.array(digests[name], dtype=DIGEST)

    def __enter__(self) -> "ShardWriter":
        self._deferred = defer_sigterm()
        self._deferred.__enter__()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self._worker.close()
            self._journal.close()
            self._deferred.__exit__(None, None, None)
