"""The one file format of stage files, shards and evaluation image sets: encoded images in HDF5.

A finished file has this layout:

    /                   attributes: schema, identity, quality, total, layout (JSON: images, columns)
    /images/<name>      [total] variable-length uint8: the encoded file of each row, empty for none
    /sha256/<name>      [total] 64 hexadecimal digits, SHA-256 of those bytes, empty for none
    /columns/<name>     [total] UTF-8 text, int64 or float64

The schema's version is that of this layout. Which images and columns there are is the writer's
choice, which the file itself tells; a reader that lacks one says so.

While it is written, the rows collect in a journal, `<path>.partial`: an append-only file of
batches, each with its own SHA-256. HDF5 itself is no place for that, since a process that is killed
in the middle of a flush can leave a file that no longer opens. A batch counts as done once its
record is whole on disk; what a kill or a full disk tore off is cut away on the next start. The HDF5
file is made from the finished journal in one go, row by row, and renamed. So a shard's bytes depend
on its content alone: not on how often the job was killed, and not on the size of the batches.

With the environment variable TOFFEE_KEEP_JOURNALS a finished file's journal stays, and the file can
be made from it again. It is for jobs that share one submission: when a later one of them fails,
Snakemake runs all of them again.
"""

import fcntl
import hashlib
import io
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import h5py
import numpy as np
from PIL import Image

from toffee.runtime.background import Behind
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import KEEP_JOURNALS, atomic_path, disk_full_as_error
from toffee.runtime.interruption import deferred, interrupted, stop_if_interrupted

if TYPE_CHECKING:
    import torch

SCHEMA = "toffee-shard/1"
MINIMUM_QUALITY = 95
PARTIAL = ".partial"

ImageFormat = Literal["jpeg", "png", "mask"]
ColumnType = Literal["str", "int", "float"]

_DTYPES = {"str": h5py.string_dtype("utf-8"), "int": np.dtype("<i8"), "float": np.dtype("<f8")}
_RECORD = struct.Struct("<4sQ32s")  # magic, payload length in bytes, SHA-256 of the payload
_MAGIC = b"TFB1"
_EMPTY = b""
_BYTES = h5py.vlen_dtype(np.uint8)
_READ_AT_ONCE = 64  # encoded files of an image in memory
_MEMORY_BLOCK = 1 << 24  # bytes by which the file in memory grows


def encode(image: np.ndarray, format: ImageFormat, quality: int = MINIMUM_QUALITY) -> bytes:
    """Encode one image or mask.

    Args:
        image: uint8 [H, W, 3] RGB for `jpeg` and `png`, bool [H, W] for `mask`.
        format: `jpeg` (4:4:4, lossy), `png` (lossless), `mask` (1-bit PNG, lossless).
        quality: JPEG quality, 1 to 100.

    Raises:
        ToffeeError: the array's type or shape does not fit the format.
    """
    image = np.asarray(image)
    buffer = io.BytesIO()
    if format == "mask":
        if image.dtype != np.bool_ or image.ndim != 2:
            raise ToffeeError(
                f"expected a mask of bool [H, W], not {image.dtype} {list(image.shape)}"
            )
        Image.fromarray(image).save(buffer, "PNG")
    else:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ToffeeError(
                f"expected an image of uint8 [H, W, 3], not {image.dtype} {list(image.shape)}"
            )
        picture = Image.fromarray(np.ascontiguousarray(image))
        if format == "jpeg":
            picture.save(buffer, "JPEG", quality=quality, subsampling=0)
        else:
            picture.save(buffer, "PNG")
    return buffer.getvalue()


def decode(data: bytes | np.ndarray) -> np.ndarray:
    """Decode what `encode` made: uint8 [H, W, 3], or bool [H, W] of a mask. It is read-only."""
    # Only the formats that are written are tried, and nothing is copied that need not be.
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
        return np.asarray(picture if picture.mode in ("1", "RGB") else picture.convert("RGB"))


class ShardWriter:
    """Write a file of `total` rows batch by batch; a killed job goes on where it stopped.

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
            of another identity, total or layout is thrown away.
        images: name → `jpeg`, `png` or `mask`: how arrays are encoded.
        columns: name → `str`, `int` or `float`.
        quality: JPEG quality, at least 95.

    Attributes:
        done: committed rows, those found at the start included.

    Raises:
        ToffeeError: another process writes the file, the quality is below 95, the disk is full, a
            batch does not fit the layout, or the writer is closed before it has all rows.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        total: int,
        identity: str,
        images: Mapping[str, ImageFormat],
        columns: Mapping[str, ColumnType],
        quality: int = MINIMUM_QUALITY,
    ) -> None:
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + PARTIAL)
        self.total = int(total)
        self.identity = identity
        self.images = dict(images)
        self.columns = dict(columns)
        self.quality = int(quality)
        self._check_layout()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._behind = Behind()
        self._journal = self._open_locked()
        try:
            self.done, self._end = self._resume()
        except BaseException:
            self._journal.close()
            raise

    def _check_layout(self) -> None:
        if self.quality < MINIMUM_QUALITY or self.quality > 100:
            raise ToffeeError(
                f"{self.path}: JPEG quality is {self.quality}, "
                f"expected {MINIMUM_QUALITY} to 100 (config synthesis.quality)"
            )
        for name, format in self.images.items():
            if format not in ("jpeg", "png", "mask"):
                raise ToffeeError(f"{self.path}: image {name} has the unknown format {format!r}")
        for name, kind in self.columns.items():
            if kind not in _DTYPES:
                raise ToffeeError(f"{self.path}: column {name} has the unknown type {kind!r}")

    def _open_locked(self) -> io.FileIO:
        # Unbuffered: what a full disk refused must not come back at the next flush.
        journal = open(self.partial, "a+b", buffering=0)  # noqa: SIM115 - open until close()
        try:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            journal.close()
            raise ToffeeError(
                f"{self.partial} is being written by another process; wait for it or end it"
            ) from error
        except OSError:
            pass  # a file system without locks: the workflow's own lock has to do
        return journal

    def _header(self) -> bytes:
        header = {
            "schema": SCHEMA,
            "identity": self.identity,
            "total": self.total,
            "quality": self.quality,
            "images": self.images,
            "columns": self.columns,
        }
        return json.dumps(header).encode()

    def _resume(self) -> tuple[int, int]:
        """Cut the journal back to its last whole batch; (rows done, length in bytes)."""
        done, end = 0, 0
        for index, (payload, position) in enumerate(_records(self._journal)):
            if index == 0:
                if payload != self._header():
                    break
            else:
                done += _unpack(payload)[0]["rows"]
            end = position
        self._journal.truncate(end)
        if end == 0:
            with disk_full_as_error(self.path):
                end = self._write_record(self._header(), 0)
        return done, end

    def _write_record(self, payload: bytes, start: int) -> int:
        """Append one record and wait until it is on disk; returns the new end."""
        record = _RECORD.pack(_MAGIC, len(payload), hashlib.sha256(payload).digest()) + payload
        rest = memoryview(record)
        try:
            while rest:
                rest = rest[self._journal.write(rest) :]
            os.fsync(self._journal.fileno())
        except OSError:
            self._journal.truncate(start)
            raise
        return start + len(record)

    def append(
        self,
        columns: Mapping[str, Sequence],
        images: Mapping[str, Sequence[np.ndarray | bytes | None]],
    ) -> None:
        """Commit one batch: when this returns, the batch outlives a kill.

        Args:
            columns: every column's values of these rows; a float may be None or NaN for "no value".
            images: every image's arrays of these rows: uint8 [H, W, 3] RGB, or bool [H, W] of a
                mask; None where a row has no such image; bytes of another shard (`Shard.encoded`)
                are stored as they are, so that copying loses nothing: JPEG or PNG where the format
                is `jpeg`, PNG where it is `png`, a 1-bit PNG where it is `mask`.

        Raises:
            ToffeeError: a name or length does not fit, an array has the wrong type, there are more
                rows than `total`, or the disk is full (committed batches stay).
            Interrupted: the job was asked to stop and rows are missing; the batch is committed.
        """
        self._behind.wait()
        self._commit(columns, images)
        self._stop_if_asked()

    def push(
        self,
        columns: Mapping[str, Sequence],
        images: Mapping[str, Sequence[np.ndarray | bytes | None]],
    ) -> None:
        """As `append`, while the caller draws the next batch: a thread encodes and commits.

        The arrays must not change any more. A kill loses at most the batches that are not counted
        in `done` yet: the one that is being committed and one that waits.

        Raises:
            ToffeeError: as in `append`, of this batch or of one before; `close` tells the rest.
            Interrupted: as in `append`; all batches that were given are committed.
        """
        self._behind.call(self._commit, columns, images)
        if interrupted():
            self._behind.wait()
            self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self.done < self.total:
            stop_if_interrupted(f"{self.done} of {self.total} rows are kept in {self.partial}")

    def _commit(
        self,
        columns: Mapping[str, Sequence],
        images: Mapping[str, Sequence[np.ndarray | bytes | None]],
    ) -> None:
        rows = self._rows(columns, images)
        if rows == 0:
            return
        values = {name: self._values(name, columns[name]) for name in self.columns}
        lengths: dict[str, list[int]] = {}
        blobs: list[bytes] = []
        for name, format in self.images.items():
            encoded = [
                self._encode(name, self.done + row, image, format)
                for row, image in enumerate(images[name])
            ]
            lengths[name] = [len(blob) for blob in encoded]
            blobs += encoded
        description = json.dumps({"rows": rows, "columns": values, "lengths": lengths}).encode()
        payload = struct.pack("<I", len(description)) + description + b"".join(blobs)
        with disk_full_as_error(self.path):
            self._end = self._write_record(payload, self._end)
        self.done += rows

    def _rows(self, columns: Mapping[str, Sequence], images: Mapping[str, Sequence]) -> int:
        for kind, given, expected in (
            ("columns", columns, self.columns),
            ("images", images, self.images),
        ):
            if set(given) != set(expected):
                raise ToffeeError(
                    f"{self.path}: a batch has the {kind} {sorted(given)}, "
                    f"expected {sorted(expected)}"
                )
        lengths = {name: len(values) for name, values in [*columns.items(), *images.items()]}
        if len(set(lengths.values())) > 1:
            raise ToffeeError(f"{self.path}: a batch has parts of different lengths: {lengths}")
        rows = next(iter(lengths.values()), 0)
        if self.done + rows > self.total:
            raise ToffeeError(
                f"{self.path}: {self.done} + {rows} rows are more than the expected {self.total}"
            )
        return rows

    def _values(self, name: str, values: Sequence) -> list:
        kind = self.columns[name]
        result: list = []
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

    def _encode(
        self, name: str, row: int, image: np.ndarray | bytes | None, format: ImageFormat
    ) -> bytes:
        if image is None:
            return _EMPTY
        try:
            if isinstance(image, bytes):
                return _checked(image, format)
            return encode(image, format, self.quality)
        except ToffeeError as error:
            raise ToffeeError(f"{self.path}, row {row}, image {name}: {error}") from error

    def close(self) -> None:
        """Make the finished file from the journal and remove the journal, if it is not to be kept.

        The file is made in memory, which takes about twice its size.

        Raises:
            ToffeeError: rows are missing, or the disk is full, or a batch that was pushed does not
                fit; the journal stays.
        """
        self._behind.wait()
        if self.done != self.total:
            raise ToffeeError(
                f"{self.path} has {self.done} rows, expected {self.total}; "
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
            file.attrs["schema"] = SCHEMA
            file.attrs["identity"] = self.identity
            file.attrs["quality"] = self.quality
            file.attrs["total"] = self.total
            file.attrs["layout"] = json.dumps({"images": self.images, "columns": self.columns})
            for group in ("images", "sha256", "columns"):
                file.create_group(group)
            for name in self.images:
                _dataset(file["images"], name, self.total, _BYTES)
                _dataset(file["sha256"], name, self.total, np.dtype("S64"))
            for name, kind in self.columns.items():
                _dataset(file["columns"], name, self.total, _DTYPES[kind])
            self._copy_rows(file)
            file.flush()
            image = file.id.get_file_image()
        with open(path, "wb") as finished:
            finished.write(image)
            finished.flush()
            os.fsync(finished.fileno())

    def _copy_rows(self, file: h5py.File) -> None:
        """Copy the journal's rows: images one by one, what is small (columns, digests) at once."""
        images = {name: file["images"][name] for name in self.images}
        columns: dict[str, list] = {name: [] for name in self.columns}
        digests: dict[str, list[bytes]] = {name: [] for name in self.images}
        start = 0
        for index, (payload, _) in enumerate(_records(self._journal)):
            if index == 0:
                continue
            description, blobs = _unpack(payload)
            for name in columns:
                columns[name] += description["columns"][name]
            for name in digests:
                digests[name] += [_sha256(blob).encode() if blob else b"" for blob in blobs[name]]
            for row in range(description["rows"]):
                for name, target in images.items():
                    if blobs[name][row]:
                        target[start + row] = np.frombuffer(blobs[name][row], np.uint8)
            start += description["rows"]
        if start != self.total:
            raise ToffeeError(f"{self.partial} was changed while {self.path} was written from it")
        for name, kind in self.columns.items():
            file["columns"][name][...] = np.array(columns[name], dtype=_DTYPES[kind])
        for name in self.images:
            file["sha256"][name][...] = np.array(digests[name], dtype="S64")

    def __enter__(self) -> "ShardWriter":
        self._deferred = deferred()
        self._deferred.__enter__()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self._behind.close()
            self._journal.close()
            self._deferred.__exit__(None, None, None)


class Shard:
    """A finished file, open for reading. A context manager; `len()` is the number of rows.

    Every image that is read is checked against its SHA-256 first.

    Args:
        path: a file that `ShardWriter` finished.

    Attributes:
        path, identity, quality: as written.
        image_names, column_names: names in the order of writing.

    Raises:
        ToffeeError: the file is missing, is no such file, or has another schema version.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ToffeeError(f"{self.path}: no such file, expected a shard ({SCHEMA})")
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise ToffeeError(
                f"{self.path}: not a readable HDF5 file, expected {SCHEMA}"
            ) from error
        schema = self._file.attrs.get("schema")
        if schema != SCHEMA:
            self._file.close()
            raise ToffeeError(f"{self.path}: schema is {schema!r}, expected {SCHEMA!r}")
        self.identity = str(self._file.attrs["identity"])
        self.quality = int(self._file.attrs["quality"])
        self._total = int(self._file.attrs["total"])
        layout = json.loads(self._file.attrs["layout"])
        self.formats: dict[str, ImageFormat] = layout["images"]
        self.types: dict[str, ColumnType] = layout["columns"]
        self.image_names = list(self.formats)
        self.column_names = list(self.types)
        self._datasets = {name: self._file["images"][name].id for name in self.image_names}
        self._digests: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return self._total

    def column(self, name: str) -> np.ndarray:
        """A column's values [len]: objects (str), int64, or float64 (NaN: no value).

        Raises:
            ToffeeError: there is no such column.
        """
        if name not in self.types:
            raise ToffeeError(
                f"{self.path}: no column {name!r}, expected one of {', '.join(self.column_names)}"
            )
        dataset = self._file["columns"][name]
        return dataset.asstr()[...] if self.types[name] == "str" else dataset[...]

    def has(self, name: str, row: int) -> bool:
        """Whether the row has such an image."""
        return bool(self._digest(name, row))

    def encoded(self, name: str, row: int) -> bytes:
        """The encoded file of one image, checked against its SHA-256.

        Raises:
            ToffeeError: the row has no such image, or its bytes are not the ones written.
        """
        return self._encoded(name, [int(row)])[0].tobytes()

    def _encoded(self, name: str, rows: Sequence[int]) -> list[np.ndarray]:
        """The encoded files of some rows, uint8 [bytes], each checked (see `encoded`)."""
        digests = [self._digest(name, row) for row in rows]
        for row, digest in zip(rows, digests, strict=True):
            if not digest:
                raise ToffeeError(f"{self.path}, row {row}: no image {name!r}")
        try:
            files = self._elements(name, rows)
        except OSError as error:
            told = f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]}, …"
            raise ToffeeError(f"{self.path}, {told}: image {name!r} cannot be read") from error
        for row, digest, data in zip(rows, digests, files, strict=True):
            found = _sha256(data)
            if found != digest:
                raise ToffeeError(
                    f"{self.path}, row {row}: image {name!r} has SHA-256 {found[:12]}…, "
                    f"expected {digest[:12]}…"
                )
        return list(files)

    def _elements(self, name: str, rows: Sequence[int]) -> np.ndarray:
        """Elements of a variable-length dataset in one call of HDF5, in any order.

        What `dataset[row]` finds out about the selection takes longer than to read a small picture.
        """
        elements = np.empty(len(rows), _BYTES)
        if len(rows):
            dataset = self._datasets[name]
            where = dataset.get_space()
            where.select_elements(np.array(rows, dtype=np.uint64)[:, None])
            dataset.read(h5py.h5s.create_simple(elements.shape), where, elements)
        return elements

    def arrays(self, name: str, rows: Sequence[int] | None = None) -> list[np.ndarray]:
        """Decoded images, uint8 [H, W, 3], or masks, bool [H, W], read-only; by default of all."""
        wanted = self._rows(rows)
        return [
            decode(data)
            for first in range(0, len(wanted), _READ_AT_ONCE)
            for data in self._encoded(name, wanted[first : first + _READ_AT_ONCE])
        ]

    def images(self, name: str, rows: Sequence[int] | None = None) -> "torch.Tensor":
        """Images as float32 [B, 3, H, W] in [0, 1]; all rows by default.

        Raises:
            ToffeeError: `name` is a mask, a row has no such image, or sizes differ.
        """
        import torch

        self._expect(name, mask=False)
        stacked = self._stack(name, rows, (0, 0, 3), np.uint8)
        return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)

    def masks(self, name: str, rows: Sequence[int] | None = None) -> "torch.Tensor":
        """Masks as bool [B, H, W]; all rows by default.

        Raises:
            ToffeeError: `name` is no mask, a row has no such mask, or sizes differ.
        """
        import torch

        self._expect(name, mask=True)
        return torch.from_numpy(self._stack(name, rows, (0, 0), np.bool_))

    def verify(self) -> None:
        """Check every image's SHA-256.

        Raises:
            ToffeeError: for the first image that fails, naming file, row and image.
        """
        for name in self.image_names:
            for row in range(len(self)):
                if self.has(name, row):
                    self.encoded(name, row)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rows(self, rows: Sequence[int] | None) -> list[int]:
        return list(range(len(self))) if rows is None else [int(row) for row in rows]

    def _digest(self, name: str, row: int) -> str:
        if name not in self.formats:
            raise ToffeeError(
                f"{self.path}: no image {name!r}, expected one of {', '.join(self.image_names)}"
            )
        if not 0 <= row < len(self):
            raise ToffeeError(f"{self.path}: no row {row}, expected 0 to {len(self) - 1}")
        if name not in self._digests:
            self._digests[name] = self._file["sha256"][name][...]
        return self._digests[name][int(row)].decode()

    def _expect(self, name: str, mask: bool) -> None:
        if name in self.formats and (self.formats[name] == "mask") != mask:
            raise ToffeeError(
                f"{self.path}: {name!r} is stored as {self.formats[name]}; "
                f"read it with {'images' if mask else 'masks'}()"
            )

    def _stack(
        self, name: str, rows: Sequence[int] | None, empty: tuple[int, ...], dtype: type
    ) -> np.ndarray:
        arrays = self.arrays(name, rows)
        for row, array in zip(self._rows(rows), arrays, strict=True):
            if array.shape != arrays[0].shape:
                raise ToffeeError(
                    f"{self.path}, row {row}: image {name!r} has size {array.shape[:2]}, "
                    f"expected {arrays[0].shape[:2]} as in row {self._rows(rows)[0]}"
                )
        return np.stack(arrays) if arrays else np.zeros((0, *empty), dtype)

    def __enter__(self) -> "Shard":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def content_digest(path: str | os.PathLike) -> str:
    """SHA-256 of what a finished file holds, independent of how HDF5 lays it out.

    It covers the schema, the layout, every column's values and every image's SHA-256, in row order;
    not the identity, so that two computations that gave the same rows compare equal. Files with
    equal rows and identity have equal bytes too where they come from one version of h5py, whatever
    kills and batch sizes lay between; across versions only this digest is promised.
    """
    with Shard(path) as shard:
        digest = hashlib.sha256()

        def add(value: Any) -> None:
            digest.update(json.dumps(value).encode() + b"\n")

        add([SCHEMA, len(shard), shard.formats, shard.types])
        for name in shard.column_names:
            add([name, shard.column(name).tolist()])
        for name in shard.image_names:
            add([name, [shard._digest(name, row) for row in range(len(shard))]])
        return digest.hexdigest()


def _checked(data: bytes, format: ImageFormat) -> bytes:
    """An encoded file that may be taken over for this format."""
    png = data.startswith(b"\x89PNG\r\n\x1a\n")
    fits = {
        "jpeg": png or data.startswith(b"\xff\xd8\xff"),
        "png": png,
        "mask": png and data[24:26] == b"\x01\x00",  # bit depth 1, grey
    }
    if not fits[format]:
        raise ToffeeError(f"the bytes given are no encoded file that fits the format {format}")
    return data


def _sha256(data: bytes | np.ndarray) -> str:
    return hashlib.sha256(data).hexdigest()


def _dataset(group: h5py.Group, name: str, total: int, dtype: Any) -> None:
    group.create_dataset(name, shape=(total,), dtype=dtype, track_times=False)


def _records(journal: io.FileIO) -> Iterator[tuple[bytes, int]]:
    """The journal's whole records and the position behind each, up to the first torn one."""
    size = os.fstat(journal.fileno()).st_size
    journal.seek(0)
    while True:
        head = journal.read(_RECORD.size)
        if len(head) < _RECORD.size:
            return
        magic, length, digest = _RECORD.unpack(head)
        if magic != _MAGIC or length > size:
            return
        payload = journal.read(length)
        if len(payload) < length or hashlib.sha256(payload).digest() != digest:
            return
        yield payload, journal.tell()


def _unpack(payload: bytes) -> tuple[dict, dict[str, list[bytes]]]:
    """A batch's description and its encoded images by name."""
    (length,) = struct.unpack_from("<I", payload)
    position = 4 + length
    description = json.loads(payload[4:position])
    blobs: dict[str, list[bytes]] = {}
    for name, lengths in description["lengths"].items():
        blobs[name] = []
        for size in lengths:
            blobs[name].append(payload[position : position + size])
            position += size
    return description, blobs
