"""A file of a stranger: nothing outside of it is read, and every fault is one line."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from toffee.runtime.errors import ToffeeError
from toffee.storage.check import DESCRIPTOR
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter

ROWS = 3


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "shard.h5"
    columns = {"name": "str", "score": "float"}
    with ShardWriter(path, ROWS, "a", {"photo": "png", "never": "png"}, columns) as writer:
        values = {"name": list("abc"), "score": [0.5] * ROWS}
        writer.append(
            values, {"photo": [np.zeros((8, 8, 3), np.uint8)] * ROWS, "never": [None] * ROWS}
        )
    return path


def external_link(file: h5py.File, other: Path) -> None:
    del file["columns/score"]
    file["columns/score"] = h5py.ExternalLink(str(other), "secret")


def soft_link(file: h5py.File, other: Path) -> None:
    del file["columns/score"]
    file["columns/score"] = h5py.SoftLink("/columns/name")


def external_group(file: h5py.File, other: Path) -> None:
    del file["columns"]
    file["columns"] = h5py.ExternalLink(str(other), "/")


def external_storage(file: h5py.File, other: Path) -> None:
    del file["columns/score"]
    where = [(str(other), 0, 8 * ROWS)]
    file.create_dataset("columns/score", (ROWS,), "<f8", external=where)


def virtual(file: h5py.File, other: Path) -> None:
    del file["columns/score"]
    layout = h5py.VirtualLayout((ROWS,), "<f8")
    layout[:] = h5py.VirtualSource(str(other), "secret", (ROWS,))
    file["columns"].create_virtual_dataset("score", layout)


def huge_chunks(file: h5py.File, other: Path) -> None:
    del file["columns/score"]
    file.create_dataset("columns/score", (ROWS,), "<f8", chunks=(1 << 28,), maxshape=(None,))


def huge_total(file: h5py.File, other: Path) -> None:
    file.attrs["total"] = 3 * 10**6
    for name in (
        *("columns/name", "columns/score", "images/photo", "sha256/photo"),
        *("images/never", "sha256/never"),
    ):
        dtype = file[name].dtype
        del file[name]
        file.create_dataset(name, (3 * 10**6,), dtype)


def other_type(file: h5py.File, other: Path) -> None:
    del file["columns/score"]
    file["columns/score"] = np.array([b"x"] * ROWS)


def attribute(name: str, value: object):
    def change(file: h5py.File, other: Path) -> None:
        file.attrs[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (external_link, "columns/score is a ExternalLink, expected a Dataset in this file"),
        (soft_link, "columns/score is a SoftLink"),
        (external_group, "columns is a ExternalLink, expected a Group"),
        (external_storage, "columns/score is virtual, chunked or stored in another file"),
        (virtual, "columns/score is virtual"),
        (huge_chunks, "columns/score is virtual, chunked"),
        (huge_total, "bytes, too few for 3000000 rows"),
        (other_type, "columns/score is .S1 .3,., expected float64"),
        (attribute("total", "many"), "attribute total is of type str"),
        (attribute("total", -1), "-1 rows"),
        (attribute("total", 10**12), "1000000000000 rows, expected 0 to"),
        (attribute("total", 4), r"\(3,\), expected .* \(4,\)"),
        (attribute("quality", [1, 2]), "attribute quality is of type ndarray"),
        (attribute("identity", np.void(b"\xff")), "attribute identity is of type void"),
        (attribute("layout", "[" * 50_000), "attribute layout is malformed"),
        (attribute("layout", "[]"), "attribute layout is malformed"),
        (attribute("layout", '{"images": {}, "columns": {"../x": "int"}}'), "layout is malformed"),
        (attribute("layout", '{"images": {}, "columns": {"x": "int"}}'), "columns/x is missing"),
        (attribute("layout", "{%s}" % ("9" * 6000)), "attribute layout is malformed"),
    ],
)
def test_what_the_writer_does_not_write_is_refused(
    shard: Path, tmp_path: Path, change, line: str
) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = [1.0, 2.0, 3.0]
    with h5py.File(shard, "r+") as file:
        change(file, other)
    with pytest.raises(ToffeeError, match=line) as raised:
        Shard(shard)
    assert str(shard) in str(raised.value) and "\n" not in str(raised.value)


def pointing(shard: Path, name: str, length: int) -> None:
    """Let all rows point to the text or image of the first one, and say how long that is."""
    with h5py.File(shard, "r") as file:
        place = file[name].id.get_offset()
    with open(shard, "r+b") as raw:
        raw.seek(place)
        first = np.frombuffer(raw.read(DESCRIPTOR.itemsize), DESCRIPTOR).copy()
        first["length"] = length or first["length"]
        raw.seek(place)
        raw.write(first.tobytes() * ROWS)


@pytest.mark.parametrize("name", ["columns/name", "images/photo"])
def test_rows_that_point_to_the_same_large_element(shard: Path, name: str, monkeypatch) -> None:
    pointing(shard, name, 0)
    Shard(shard)  # no more than there can be
    pointing(shard, name, shard.stat().st_size // ROWS + 1)
    with pytest.raises(ToffeeError, match=f"{name} has more than the [0-9]+ bytes"):
        Shard(shard)
    monkeypatch.setattr("toffee.storage.check.LARGEST_ELEMENT", 100)
    pointing(shard, name, 101)
    with pytest.raises(ToffeeError, match=f"{name} has an element of 101 bytes"):
        Shard(shard)


def test_an_image_that_no_row_has_and_a_file_without_rows_are_fine(shard: Path, tmp_path) -> None:
    with Shard(shard) as opened:
        assert not opened.has("never", 0) and opened.column("score").tolist() == [0.5] * ROWS
    with ShardWriter(tmp_path / "none.h5", 0, "a", {"photo": "png"}, {"name": "str"}):
        pass
    with Shard(tmp_path / "none.h5") as opened:
        assert len(opened) == 0


def test_a_shard_opens_where_locks_are_refused(shard: Path) -> None:
    """Another process holds an exclusive lock: a reader that asks for one would fail."""
    code = f"""
import fcntl
from toffee.storage.reader import Shard
held = open({str(shard)!r}, "r+")
fcntl.flock(held, fcntl.LOCK_EX)
print(len(Shard({str(shard)!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == str(ROWS), done.stderr


def test_the_cause_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(ToffeeError, match="not a readable HDF5 file.*signature not found"):
        Shard(tmp_path / "text.h5")
