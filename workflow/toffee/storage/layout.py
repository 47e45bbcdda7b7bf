"""The one file format of stage files, shards and evaluation image sets: encoded images in HDF5.

A finished file has this layout:

    /                   attributes: schema, identity, quality, total, layout (JSON: images, columns)
    /images/<name>      [total] variable-length uint8: the encoded file of each row, empty for none
    /sha256/<name>      [total] 64 hexadecimal digits, SHA-256 of those bytes, empty for none
    /columns/<name>     [total] UTF-8 text, int64 or float64

The schema's version is that of this layout. The writer chooses which images and columns there are,
and the attribute `layout` lists them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np

from toffee.runtime.errors import ToffeeError
from toffee.storage.encoding import MINIMUM_QUALITY, ImageFormat

SCHEMA = "toffee-shard/1"

ColumnType = Literal["str", "int", "float"]

DTYPES = {"str": h5py.string_dtype("utf-8"), "int": np.dtype("<i8"), "float": np.dtype("<f8")}
ENCODED = h5py.vlen_dtype(np.uint8)
DIGEST = np.dtype("S64")


@dataclass(frozen=True)
class Layout:
    """What a file holds.

    Attributes:
        identity: digest of what the rows depend on (inputs, parameters and code).
        total: number of rows.
        quality: JPEG quality.
        images: name → `jpeg`, `png` or `mask`.
        columns: name → `str`, `int` or `float`.
    """

    identity: str
    total: int
    quality: int
    images: dict[str, ImageFormat]
    columns: dict[str, ColumnType]

    def check(self, path: Path) -> None:
        """Check the quality and the types.

        Raises:
            ToffeeError: one is out of range or unknown; the message names the file `path`.
        """
        if not MINIMUM_QUALITY <= self.quality <= 100:
            raise ToffeeError(
                f"{path}: JPEG quality is {self.quality}, "
                f"expected {MINIMUM_QUALITY} to 100 (config synthesis.quality)"
            )
        for name, format in self.images.items():
            if format not in get_args(ImageFormat):
                raise ToffeeError(f"{path}: image {name} has the unknown format {format!r}")
        for name, kind in self.columns.items():
            if kind not in DTYPES:
                raise ToffeeError(f"{path}: column {name} has the unknown type {kind!r}")

    def header(self) -> bytes:
        """The first record of a journal: a journal with another header is discarded."""
        header = {
            "schema": SCHEMA,
            "identity": self.identity,
            "total": self.total,
            "quality": self.quality,
            "images": self.images,
            "columns": self.columns,
        }
        return json.dumps(header).encode()

    def create(self, file: h5py.File) -> None:
        """Write the attributes and create the datasets, still empty."""
        file.attrs["schema"] = SCHEMA
        file.attrs["identity"] = self.identity
        file.attrs["quality"] = self.quality
        file.attrs["total"] = self.total
        layout = {"images": self.images, "columns": self.columns}
        file.attrs["layout"] = json.dumps(layout)
        for group in ("images", "sha256", "columns"):
            file.create_group(group)
        for name in self.images:
            self._create_dataset(file["images"], name, ENCODED)
            self._create_dataset(file["sha256"], name, DIGEST)
        for name, kind in self.columns.items():
            self._create_dataset(file["columns"], name, DTYPES[kind])

    def _create_dataset(self, group: h5py.Group, name: str, dtype: Any) -> None:
        group.create_dataset(name, shape=(self.total,), dtype=dtype, track_times=False)
