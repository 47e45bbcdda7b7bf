"""Checking a file of images and columns before anything of it is read.

A file may come from a stranger. HDF5 can point to other files (external links, external storage,
virtual datasets), can claim any number of rows, and can name filters that unpack to any size. The
writer uses none of this: a file holds plain groups and contiguous datasets with one element per
row, all of whose bytes are in the file. Anything else is refused. Rows may point to the same text,
so what they add up to is checked too.
"""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d

from toffee.runtime.errors import ToffeeError
from toffee.storage.layout import DIGEST, DTYPES, ENCODED, SCHEMA, Layout

LONGEST_LAYOUT = 1 << 20
"""Most characters of the attribute `layout`."""
MOST_ROWS = 1 << 22
LARGEST_TEXTS = 1 << 28
"""Most bytes of a column of texts, which is read as a whole."""
LARGEST_ELEMENT = 1 << 24
"""Most bytes of a text or of an encoded image."""
DESCRIPTOR = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
"""What a dataset of texts or images holds for a row, by the format of HDF5: where it is."""


def read_layout(file: h5py.File, path: Path) -> Layout:
    """The layout of an open file, all of whose datasets have been checked.

    Raises:
        ToffeeError: the file has another schema, broken attributes, or a dataset that the writer
            would not write.
    """
    schema = _attribute(file, "schema", str, path)
    if schema != SCHEMA:
        raise ToffeeError(f"{path}: schema is {schema!r}, expected {SCHEMA!r}")
    if file.userblock_size:
        raise ToffeeError(f"{path}: has a block of another format before it, expected {SCHEMA}")
    total = _attribute(file, "total", int, path)
    images, columns = _parts(_attribute(file, "layout", str, path), path)
    layout = Layout(
        identity=_attribute(file, "identity", str, path),
        total=total,
        quality=_attribute(file, "quality", int, path),
        images=images,
        columns=columns,
    )
    layout.check(path)
    if not 0 <= total <= MOST_ROWS:
        raise ToffeeError(f"{path}: {total} rows, expected 0 to {MOST_ROWS}")
    size = path.stat().st_size
    for group, kinds in (
        ("images", dict.fromkeys(images, ENCODED)),
        ("sha256", dict.fromkeys(images, DIGEST)),
        ("columns", {name: DTYPES[kind] for name, kind in columns.items()}),
    ):
        parent = _linked(file, group, h5py.Group, path, group)
        for name, dtype in kinds.items():
            dataset = _linked(parent, name, h5py.Dataset, path, f"{group}/{name}")
            _check_dataset(dataset, dtype, total, size, f"{path}: {group}/{name}")
    return layout


def _attribute(file: h5py.File, name: str, kind: type, path: Path) -> Any:
    try:
        value = file.attrs.get(name)
        if kind is int and getattr(value, "shape", None) == ():
            return int(value)
    except Exception as error:  # h5py raises OSError, KeyError, TypeError, ValueError and others
        raise ToffeeError(f"{path}: attribute {name} cannot be read ({error})") from error
    if not isinstance(value, kind) or len(str(value)) > LONGEST_LAYOUT:
        found = "missing" if value is None else f"of type {type(value).__name__}"
        raise ToffeeError(f"{path}: attribute {name} is {found}, expected {SCHEMA}")
    return value


def _parts(text: str, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Images and columns by name, out of the attribute `layout`."""
    try:
        layout = json.loads(text)
        parts = layout["images"], layout["columns"]
        for part in parts:
            for name, kind in part.items():
                # A name with a slash would be a way through other groups.
                if not isinstance(kind, str) or "/" in name or name in ("", "."):
                    raise ValueError(f"{name!r}: {kind!r}")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ToffeeError(f"{path}: attribute layout is malformed ({error})") from error
    return parts


def _linked(group: h5py.Group, name: str, kind: type, path: Path, where: str) -> Any:
    """A member of a group that is linked directly; links elsewhere are not followed."""
    try:
        link = group.get(name, getlink=True)
        found = group[name] if isinstance(link, h5py.HardLink) else None
    except Exception as error:  # as for attributes
        raise ToffeeError(f"{path}: {where} cannot be read ({error})") from error
    if link is None:
        raise ToffeeError(f"{path}: {where} is missing")
    if not isinstance(found, kind):
        what = type(link if found is None else found).__name__
        raise ToffeeError(f"{path}: {where} is a {what}, expected a {kind.__name__} in this file")
    return found


def _check_dataset(dataset: h5py.Dataset, dtype: Any, total: int, size: int, where: str) -> None:
    try:
        plist, found, shape = dataset.id.get_create_plist(), dataset.dtype, dataset.shape
        plain = plist.get_layout() == h5d.CONTIGUOUS
        external = plist.get_external_count() if plain else 0
        stored = dataset.id.get_storage_size()
    except Exception as error:  # as for attributes
        raise ToffeeError(f"{where} cannot be read ({error})") from error
    if not plain or external:
        raise ToffeeError(f"{where} is virtual, chunked or stored in another file, expected plain")
    if shape != (total,) or not _same_type(found, dtype):
        raise ToffeeError(f"{where} is {found} {shape}, expected {dtype} ({total},)")
    least = total * (DESCRIPTOR.itemsize if found.kind == "O" else found.itemsize)
    # An image that no row has is never written, so it has no place in the file.
    if not (least <= stored or dtype is ENCODED and not stored) or stored > size:
        raise ToffeeError(f"{where} has {stored} of {size} bytes, too few for {total} rows")
    if found.kind == "O" and stored:
        most = min(size, LARGEST_TEXTS) if dtype is not ENCODED else size
        _check_lengths(dataset, total, most, where)


def _check_lengths(dataset: h5py.Dataset, total: int, most: int, where: str) -> None:
    """Many rows could point to the same large text or image: their lengths are added up before any
    is read."""
    with open(dataset.file.filename, "rb") as file:
        file.seek(dataset.id.get_offset() or 0)
        lengths = np.frombuffer(file.read(total * DESCRIPTOR.itemsize), DESCRIPTOR)["length"]
    if len(lengths) < total or lengths.sum(dtype=np.uint64) > most:
        raise ToffeeError(f"{where} has more than the {most} bytes that there can be")
    if lengths.max(initial=0) > LARGEST_ELEMENT:
        raise ToffeeError(f"{where} has an element of {lengths.max()} bytes, expected smaller ones")


def _same_type(found: Any, expected: Any) -> bool:
    variable, text = h5py.check_vlen_dtype(expected), h5py.check_string_dtype(expected)
    if variable is not None and text is None:
        return h5py.check_vlen_dtype(found) == variable
    if text is not None and text.length is None:
        got = h5py.check_string_dtype(found)
        return got is not None and got.length is None
    return bool(found == expected)
