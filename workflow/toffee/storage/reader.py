"""Reading a finished file of images and columns (see `storage.layout`)."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from toffee.runtime.errors import ToffeeError
from toffee.storage.check import read_layout
from toffee.storage.encoding import decode
from toffee.storage.layout import ENCODED, SCHEMA

if TYPE_CHECKING:
    import torch

Rows = Sequence[int] | np.ndarray
"""Numbers of rows."""

_READ_AT_ONCE = 64  # encoded files of an image in memory


class Shard:
    """A finished file, open for reading. A context manager; `len()` is the number of rows.

    Every image that is read is checked against its SHA-256 first.

    Args:
        path: a file that `ShardWriter` finished.

    Attributes:
        path, identity, quality: as written.
        formats, types: image formats and column types by name, in the order of writing.
        image_names, column_names: those names.

    Raises:
        ToffeeError: the file is missing, is no such file, has another schema version, or has data
            that `toffee.storage.writer` does not write (see `toffee.storage.check`).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ToffeeError(f"{self.path}: no such file, expected a shard ({SCHEMA})")
        try:
            # A finished file is never written again: no lock is needed, and NFS, Lustre and FUSE
            # may refuse one.
            self._file = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise ToffeeError(
                f"{self.path}: not a readable HDF5 file, expected {SCHEMA} ({error})"
            ) from error
        try:
            layout = read_layout(self._file, self.path)
        except ToffeeError:
            self._file.close()
            raise
        self._size = self._bytes()
        self.identity, self.quality, self._total = layout.identity, layout.quality, layout.total
        self.formats, self.types = layout.images, layout.columns
        self.image_names, self.column_names = list(self.formats), list(self.types)
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
        try:
            values: np.ndarray = (dataset.asstr() if self.types[name] == "str" else dataset)[...]
        except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError
            raise ToffeeError(f"{self.path}: column {name!r} cannot be read ({error})") from error
        self._check_size()
        return values

    def digest(self, name: str, row: int) -> str:
        """SHA-256 of an image's encoded bytes, empty where the row has no such image.

        Raises:
            ToffeeError: there is no such image or row.
        """
        if name not in self.formats:
            raise ToffeeError(
                f"{self.path}: no image {name!r}, expected one of {', '.join(self.image_names)}"
            )
        if not 0 <= row < len(self):
            raise ToffeeError(f"{self.path}: no row {row}, expected 0 to {len(self) - 1}")
        if name not in self._digests:
            try:
                self._digests[name] = self._file["sha256"][name][...]
            except OSError as error:
                raise ToffeeError(f"{self.path}: sha256/{name} cannot be read ({error})") from error
            self._check_size()
        return bytes(self._digests[name][int(row)]).decode("ascii", "replace")

    def has(self, name: str, row: int) -> bool:
        """Whether the row has such an image."""
        return bool(self.digest(name, row))

    def encoded(self, name: str, row: int) -> bytes:
        """The encoded file of one image, checked against its SHA-256.

        Raises:
            ToffeeError: the row has no such image, or its bytes are not the ones written.
        """
        return self._encoded(name, [int(row)])[0].tobytes()

    def _encoded(self, name: str, rows: Sequence[int]) -> list[memoryview]:
        """The encoded files of some rows, each checked (see `encoded`)."""
        digests = [self.digest(name, row) for row in rows]
        for row, digest in zip(rows, digests, strict=True):
            if not digest:
                raise ToffeeError(f"{self.path}, row {row}: no image {name!r}")
        try:
            files = [element.data for element in self._elements(name, rows)]
        except OSError as error:
            where = f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]}, …"
            raise ToffeeError(
                f"{self.path}, {where}: image {name!r} cannot be read ({error})"
            ) from error
        self._check_size()
        for row, digest, data in zip(rows, digests, files, strict=True):
            found = hashlib.sha256(data).hexdigest()
            if found != digest:
                raise ToffeeError(
                    f"{self.path}, row {row}: image {name!r} has SHA-256 {found[:12]}…, "
                    f"expected {digest[:12]}…"
                )
        return files

    def _elements(self, name: str, rows: Sequence[int]) -> np.ndarray:
        """Elements of a variable-length dataset in one call of HDF5, in any order.

        `dataset[row]` would spend more time on its selection than on reading a small picture.
        """
        elements = np.empty(len(rows), ENCODED)
        if len(rows):
            dataset = self._datasets[name]
            where = dataset.get_space()
            where.select_elements(np.array(rows, dtype=np.uint64)[:, None])
            dataset.read(h5py.h5s.create_simple(elements.shape), where, elements)
        return elements

    def arrays(self, name: str, rows: Rows | None = None) -> list[np.ndarray]:
        """Decoded images, uint8 [H, W, 3], or masks, bool [H, W], read-only; by default of all."""
        wanted = self._rows(rows)
        decoded: list[np.ndarray] = []
        for first in range(0, len(wanted), _READ_AT_ONCE):
            some = wanted[first : first + _READ_AT_ONCE]
            for row, data in zip(some, self._encoded(name, some), strict=True):
                decoded.append(self._decoded(name, row, data))
        return decoded

    def _decoded(self, name: str, row: int, data: memoryview) -> np.ndarray:
        try:
            return decode(data)
        except ToffeeError as error:
            raise ToffeeError(f"{self.path}, row {row}: image {name!r}: {error}") from error
        except Exception as error:  # the digest fits, but whoever wrote it stored no picture
            raise ToffeeError(
                f"{self.path}, row {row}: image {name!r} is no picture ({type(error).__name__})"
            ) from error

    def images(self, name: str, rows: Rows | None = None) -> "torch.Tensor":
        """Images as float32 [B, 3, H, W] in [0, 1]; all rows by default.

        Raises:
            ToffeeError: `name` is a mask, a row has no such image, or sizes differ.
        """
        import torch

        self._expect(name, mask=False)
        stacked = self._stack(name, rows, (0, 0, 3), np.uint8)
        return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)

    def masks(self, name: str, rows: Rows | None = None) -> "torch.Tensor":
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

    def _bytes(self) -> int:
        return os.fstat(self._file.id.get_vfd_handle()).st_size

    def _check_size(self) -> None:
        """HDF5 reads zeros where an open file was cut off: empty texts, and rows without images."""
        if (size := self._bytes()) != self._size:
            raise ToffeeError(
                f"{self.path}: {size} bytes, it had {self._size} when it was opened: something "
                "writes it"
            )

    def _rows(self, rows: Rows | None) -> list[int]:
        return list(range(len(self))) if rows is None else [int(row) for row in rows]

    def _expect(self, name: str, mask: bool) -> None:
        if name in self.formats and (self.formats[name] == "mask") != mask:
            raise ToffeeError(
                f"{self.path}: {name!r} is stored as {self.formats[name]}; "
                f"read it with {'images' if mask else 'masks'}()"
            )

    def _stack(
        self, name: str, rows: Rows | None, empty: tuple[int, ...], dtype: type
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


def content_digest(path: str | os.PathLike[str]) -> str:
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
            add([name, [shard.digest(name, row) for row in range(len(shard))]])
        return digest.hexdigest()
