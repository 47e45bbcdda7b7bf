"""The shard format: resume, determinism, digests, lossless masks, one-line errors."""

import errno
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from toffee.data import pictures
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import KEEP_JOURNALS
from toffee.storage.encoding import MOST_PIXELS, decode, encode
from toffee.storage.reader import Shard, content_digest
from toffee.storage.writer import ShardWriter

TOTAL = 23
IMAGES = {"target": "jpeg", "input": "png", "mask": "mask"}
COLUMNS = {"name": "str", "number": "int", "score": "float"}


def sample(row: int) -> tuple[dict, dict]:
    """Everything of one row; every third one has no input and no score."""
    generator = np.random.default_rng(row)
    coarse = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    lacking = row % 3 == 0
    columns = {"name": f"s{row} é", "number": row, "score": None if lacking else row / 7}
    mask = generator.random((32, 32)) > 0.5
    return columns, {"target": image, "input": None if lacking else image, "mask": mask}


def batch(rows: range) -> tuple[dict, dict]:
    samples = [sample(row) for row in rows]
    columns = {name: [columns[name] for columns, _ in samples] for name in COLUMNS}
    images = {name: [images[name] for _, images in samples] for name in IMAGES}
    return columns, images


def writer(path: Path, identity: str = "a", total: int = TOTAL, **changes) -> ShardWriter:
    return ShardWriter(
        path, total, identity, changes.get("images", IMAGES), changes.get("columns", COLUMNS)
    )


def write(path: Path, size: int = 8, stop: int = TOTAL, identity: str = "a") -> None:
    """Write the file in batches of `size`; raise in place of the row `stop`."""
    with writer(path, identity) as shard:
        while shard.done < TOTAL:
            if shard.done >= stop:
                raise RuntimeError("killed")
            shard.append(*batch(range(shard.done, min(shard.done + size, TOTAL))))


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    write(tmp_path / "finished.h5")
    return tmp_path / "finished.h5"


def bytes_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_written_is_read(finished: Path) -> None:
    assert not finished.with_name("finished.h5.partial").exists()
    with Shard(finished) as shard:
        assert len(shard) == TOTAL
        assert shard.column("name")[4] == "s4 é"
        assert shard.column("number").tolist() == list(range(TOTAL))
        scores = shard.column("score")
        assert np.isnan(scores[0]) and scores[1] == 1 / 7
        assert [shard.has("input", row) for row in range(4)] == [False, True, True, False]
        pixels = shard.images("input", [5, 1])
        assert pixels.dtype == torch.float32 and pixels.shape == (2, 3, 32, 32)
        expected = np.stack([sample(row)[1]["input"] for row in (5, 1)])
        assert torch.equal(pixels, torch.from_numpy(expected).permute(0, 3, 1, 2) / 255)
        close = shard.images("target") * 255 - torch.from_numpy(
            np.stack([sample(row)[1]["target"] for row in range(TOTAL)])
        ).permute(0, 3, 1, 2)
        assert close.abs().mean() < 3
        shard.verify()


def test_masks_are_lossless(finished: Path) -> None:
    with Shard(finished) as shard:
        masks = shard.masks("mask")
        data = shard.encoded("mask", 0)
    assert masks.dtype == torch.bool
    expected = np.stack([sample(row)[1]["mask"] for row in range(TOTAL)])
    assert np.array_equal(masks.numpy(), expected)
    assert data[24] == 1, "the PNG's bit depth"


def test_jpeg_keeps_the_colours_of_single_pixels() -> None:
    """Chroma subsampling would smear two colours of equal brightness that alternate."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, ::2] = (200, 60, 60)
    image[:, 1::2] = (40, 128, 60)
    error = np.abs(decode(encode(image, "jpeg", 95)).astype(int) - image)
    assert error.mean() < 6


def test_a_small_file_with_a_huge_picture_is_not_decoded(tmp_path: Path) -> None:
    """Its pixels would fill the memory, though the file is as its digest says."""
    assert MOST_PIXELS == pictures.MOST_PIXELS, "which stands alone, so that it can be exported"
    buffer = io.BytesIO()
    Image.new("1", (MOST_PIXELS // 8000 + 1, 8000)).save(buffer, "PNG")
    header = buffer.getvalue()[:100]
    with pytest.raises(ToffeeError, match="at most 80000000 pixels, not 10001 x 8000"):
        decode(header)  # and not that the pixels are missing
    with writer(tmp_path / "a.h5", total=1, images={"mask": "mask"}, columns={}) as shard:
        shard.append({}, {"mask": [buffer.getvalue()]})
    with (
        Shard(tmp_path / "a.h5") as shard,
        pytest.raises(ToffeeError, match="row 0: image 'mask': expected .* at most 80000000"),
    ):
        shard.arrays("mask")


def test_encoded_files_are_taken_over(tmp_path: Path, finished: Path) -> None:
    """What an earlier stage encoded is not encoded again: a lossless target stays so."""
    with Shard(finished) as shard:
        lossless, lossy = shard.encoded("input", 1), shard.encoded("target", 1)
        mask = shard.encoded("mask", 1)
    pixels = sample(1)[1]["target"]
    layout = {"images": {"target": "jpeg", "mask": "mask"}, "columns": {}}
    with writer(tmp_path / "next.h5", total=3, **layout) as shard:
        shard.append({}, {"target": [lossless, lossy, pixels], "mask": [mask, None, None]})
    with Shard(tmp_path / "next.h5") as shard:
        assert [shard.encoded("target", row) for row in range(3)] == [lossless, lossy, lossy]
        assert np.array_equal(shard.arrays("target", [0])[0], pixels)
        assert np.array_equal(shard.masks("mask", [0])[0].numpy(), sample(1)[1]["mask"])
    for name, data in (("target", b"text"), ("mask", lossless), ("mask", lossy)):
        shard = writer(tmp_path / "bad.h5", total=1, **layout)
        images = {"target": [None], "mask": [None]} | {name: [data]}
        with pytest.raises(ToffeeError, match=f"bad.h5, row 0, image {name}: the bytes given"):
            shard.append({}, images)
        shard._journal.close()


@pytest.mark.parametrize("size", [1, 7, TOTAL])
def test_bytes_do_not_depend_on_the_batch_size(finished: Path, tmp_path: Path, size: int) -> None:
    write(tmp_path / "other.h5", size)
    assert bytes_digest(tmp_path / "other.h5") == bytes_digest(finished)
    assert content_digest(tmp_path / "other.h5") == content_digest(finished)


def test_resumed_equals_undisturbed(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "resumed.h5"
    with pytest.raises(RuntimeError, match="killed"):
        write(path, 5, stop=10)
    assert not path.exists() and path.with_name("resumed.h5.partial").exists()
    with pytest.raises(ToffeeError, match="10 rows, expected 23"), writer(path) as shard:
        assert shard.done == 10
    write(path, 6)
    assert bytes_digest(path) == bytes_digest(finished)


def test_killed_process_resumes(finished: Path, tmp_path: Path) -> None:
    """SIGKILL right after the second commit, with a third batch half way to the disk."""
    path = tmp_path / "killed.h5"
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_shard import batch, writer
shard = writer(Path({str(path)!r}))
shard.append(*batch(range(0, 4)))
shard.append(*batch(range(4, 8)))
shard._journal.file.write(b"TFB1 torn record")
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    shard = writer(path)
    assert shard.done == 8
    shard._journal.close()
    write(path)
    assert bytes_digest(path) == bytes_digest(finished)


def test_bytes_do_not_depend_on_who_writes(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "pushed.h5"
    with writer(path) as shard:
        for first in range(0, 23, 4):
            shard.push(*batch(range(first, min(first + 4, 23))))
    assert bytes_digest(path) == bytes_digest(finished)


def test_killed_while_a_thread_writes_resumes(finished: Path, tmp_path: Path) -> None:
    """SIGKILL by the writing thread itself, in the middle of its third batch."""
    path = tmp_path / "killed.h5"
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_shard import batch, writer
shard = writer(Path({str(path)!r}))
journal = shard._journal
commit, done = journal._write_record, []
def write(payload, start):
    done.append(1)
    if len(done) == 3:
        journal.file.write(b"TFB1 torn record")
        os.kill(os.getpid(), signal.SIGKILL)
    return commit(payload, start)
journal._write_record = write
for first in range(0, 23, 4):
    shard.push(*batch(range(first, min(first + 4, 23))))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    with writer(path) as shard:
        assert shard.done == 8
        for first in range(8, 23, 5):
            shard.push(*batch(range(first, min(first + 5, 23))))
    assert bytes_digest(path) == bytes_digest(finished)


def test_an_error_of_the_writing_thread_ends_the_job(tmp_path: Path) -> None:
    """The batch that does not fit is named, nothing behind it is written, what was before stays."""
    path = tmp_path / "shard.h5"
    columns, images = batch(range(4, 8))
    images["mask"] = [np.zeros((8, 8), np.uint8)] * 4
    with pytest.raises(ToffeeError, match="row 4, image mask"), writer(path) as shard:
        shard.push(*batch(range(4)))
        shard.push(columns, images)
        for first in range(8, 23):
            shard.push(*batch(range(first, first + 1)))
    assert not path.exists()
    shard = writer(path)
    assert shard.done == 4
    shard._journal.close()


def test_images_are_read_in_any_order(tmp_path: Path) -> None:
    """Rows may repeat."""
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (160, 160, 3), np.uint8) for _ in range(6)]
    with ShardWriter(tmp_path / "a.h5", 6, "a", {"target": "png"}, {}) as shard:
        shard.append({}, {"target": pictures})
    rows = [5, 0, 3, 3, 1]
    with Shard(tmp_path / "a.h5") as shard:
        for row, array in zip(rows, shard.arrays("target", rows), strict=True):
            assert np.array_equal(array, pictures[row])


def test_a_kept_journal_makes_the_file_again(finished: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(KEEP_JOURNALS, "1")
    path = tmp_path / "kept.h5"
    write(path)
    path.unlink()
    with writer(path) as again:
        assert again.done == TOTAL  # nothing is left to draw
    assert bytes_digest(path) == bytes_digest(finished)
    monkeypatch.delenv(KEEP_JOURNALS)
    path.unlink()
    with writer(path):
        pass
    assert not list(tmp_path.glob("kept.h5.partial"))


@pytest.mark.parametrize("length", [1, 30, 300, 3000])
def test_torn_journal_keeps_whole_batches(tmp_path: Path, finished: Path, length: int) -> None:
    path = tmp_path / "torn.h5"
    with pytest.raises(RuntimeError):
        write(path, 4, stop=12)
    partial = path.with_name("torn.h5.partial")
    os.truncate(partial, partial.stat().st_size - length)
    shard = writer(path)
    assert shard.done == 8
    shard._journal.close()
    write(path)
    assert bytes_digest(path) == bytes_digest(finished)


def test_flipped_bit_in_the_journal_drops_its_batch(tmp_path: Path) -> None:
    path = tmp_path / "flipped.h5"
    with pytest.raises(RuntimeError):
        write(path, 4, stop=12)
    partial = path.with_name("flipped.h5.partial")
    data = bytearray(partial.read_bytes())
    data[-100] ^= 1
    partial.write_bytes(data)
    shard = writer(path)
    assert shard.done == 8
    shard._journal.close()


@pytest.mark.parametrize(
    "change",
    [{"identity": "b"}, {"total": TOTAL + 1}, {"images": {"target": "png"}}, {"columns": {}}],
)
def test_another_identity_or_layout_starts_afresh(tmp_path: Path, change: dict) -> None:
    path = tmp_path / "shard.h5"
    with pytest.raises(RuntimeError):
        write(path, 4, stop=8)
    shard = writer(path, **change)
    assert shard.done == 0
    shard._journal.close()


def test_two_writers_at_once_are_refused(tmp_path: Path) -> None:
    first = writer(tmp_path / "shard.h5")
    with pytest.raises(ToffeeError, match="written by another process"):
        writer(tmp_path / "shard.h5")
    first._journal.close()
    writer(tmp_path / "shard.h5")._journal.close()


def test_content_digest_sees_content_and_only_content(finished: Path, tmp_path: Path) -> None:
    write(tmp_path / "renamed.h5", identity="b")
    assert bytes_digest(tmp_path / "renamed.h5") != bytes_digest(finished)
    assert content_digest(tmp_path / "renamed.h5") == content_digest(finished)
    with h5py.File(tmp_path / "renamed.h5", "r+") as file:
        file["columns/score"][1] += 1e-9
    assert content_digest(tmp_path / "renamed.h5") != content_digest(finished)


def test_changed_bytes_are_found(finished: Path) -> None:
    with h5py.File(finished, "r+") as file:
        data = file["images/input"][7]
        data[50] ^= 1
        file["images/input"][7] = data
    with Shard(finished) as shard:
        shard.images("input", [5])
        with pytest.raises(ToffeeError, match=r"finished.h5, row 7: image 'input' has SHA-256"):
            shard.images("input", [7])
        with pytest.raises(ToffeeError, match="row 7"):
            shard.verify()


@pytest.mark.parametrize(
    "read",
    [
        lambda shard: shard.column("name"),
        lambda shard: shard.has("target", 0),
        lambda shard: shard.images("target", [3]),
        lambda shard: shard.verify(),
    ],
)
def test_a_file_that_is_cut_off_while_it_is_open_is_said_to_be(finished: Path, read) -> None:
    """HDF5 alone reads zeros there: all would be empty, and whole."""
    for early in (lambda shard: None, lambda shard: shard.has("target", 0)):
        cut = finished.with_name("cut.h5")
        shutil.copyfile(finished, cut)
        with Shard(cut) as shard:
            early(shard)
            os.truncate(cut, 100)
            with pytest.raises(ToffeeError, match="cut.h5: 100 bytes, it had .* when it was open"):
                read(shard)
                shard.column("score")  # after digests that were read before


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda shard: shard.column("size"), "no column 'size', expected one of name, number"),
        (lambda shard: shard.images("photo"), "no image 'photo', expected one of target"),
        (lambda shard: shard.images("input", [0]), "row 0: no image 'input'"),
        (lambda shard: shard.images("target", [23]), "no row 23, expected 0 to 22"),
        (lambda shard: shard.images("target", [-1]), "no row -1"),
        (lambda shard: shard.images("mask"), r"stored as mask; read it with masks\(\)"),
        (lambda shard: shard.masks("target"), r"stored as jpeg; read it with images\(\)"),
    ],
)
def test_reading_what_is_not_there(finished: Path, read, message: str) -> None:
    with Shard(finished) as shard, pytest.raises(ToffeeError, match=message) as error:
        read(shard)
    assert "finished.h5" in str(error.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ToffeeError, match="no such file"):
        Shard(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(ToffeeError, match="not a readable HDF5 file"):
        Shard(tmp_path / "text.h5")
    h5py.File(tmp_path / "other.h5", "w").close()
    with pytest.raises(ToffeeError, match="attribute schema is missing, expected toffee-shard/1"):
        Shard(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": [3]}, "column name is 3, expected str"),
        ({"number": [0.5]}, "column number is 0.5, expected int"),
        ({"score": ["x"]}, "column score is 'x', expected float"),
        ({"name": ["a", "b"]}, "different lengths"),
        ({"target": [np.zeros((8, 8, 3))]}, r"expected an image of uint8 \[H, W, 3\], not float64"),
        ({"mask": [np.zeros((8, 8), np.uint8)]}, r"expected a mask of bool \[H, W\]"),
    ],
)
def test_a_batch_that_does_not_fit_commits_nothing(
    tmp_path: Path, change: dict, message: str
) -> None:
    columns, images = batch(range(1))
    shard = writer(tmp_path / "shard.h5")
    for part in (columns, images):
        part.update({name: value for name, value in change.items() if name in part})
    with pytest.raises(ToffeeError, match=message) as error:
        shard.append(columns, images)
    assert "shard.h5" in str(error.value) and shard.done == 0
    shard.append(*batch(range(1)))
    assert shard.done == 1
    shard._journal.close()


def test_more_rows_than_promised_and_low_quality_are_refused(tmp_path: Path) -> None:
    shard = writer(tmp_path / "shard.h5", total=2)
    with pytest.raises(ToffeeError, match=r"0 \+ 3 rows are more than the expected 2"):
        shard.append(*batch(range(3)))
    shard._journal.close()
    with pytest.raises(ToffeeError, match="JPEG quality is 90, expected 95 to 100"):
        ShardWriter(tmp_path / "low.h5", 1, "a", IMAGES, COLUMNS, quality=90)


class FullDisk:
    """A journal on a disk that takes 100 more bytes."""

    def __init__(self, file) -> None:
        self.file = file
        self.free = 100

    def write(self, data) -> int:
        if not self.free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.file.write(data[: self.free])
        self.free = 0
        return written

    def __getattr__(self, name: str):
        return getattr(self.file, name)


def test_a_full_disk_keeps_committed_batches(tmp_path: Path, finished: Path) -> None:
    path = tmp_path / "full.h5"
    shard = writer(path)
    shard.append(*batch(range(8)))
    size = path.with_name("full.h5.partial").stat().st_size
    shard._journal.file = FullDisk(shard._journal.file)
    with pytest.raises(ToffeeError, match="disk full while writing .*full.h5"):
        shard.append(*batch(range(8, 12)))
    assert path.with_name("full.h5.partial").stat().st_size == size and not path.exists()
    shard._journal.close()
    write(path)
    assert bytes_digest(path) == bytes_digest(finished)


def test_an_empty_file(tmp_path: Path) -> None:
    with writer(tmp_path / "empty.h5", total=0):
        pass
    with Shard(tmp_path / "empty.h5") as shard:
        assert len(shard) == 0 and shard.images("target").shape[0] == 0
        assert shard.column("name").tolist() == []
