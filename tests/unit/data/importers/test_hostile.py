"""Sources that are made to hang, to fill the memory, or to lead out of their folder: each is read
by a process of its own that has ten seconds and 1 GB more than what its imports take."""

import functools
import gzip
import os
import resource
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import av  # noqa: F401  (here, so that no child spends its time on it)
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from toffee.data.faults import SetAside
from toffee.data.importers import archives, hub, subjects, views
from toffee.data.importers.archives import Archives
from toffee.data.importers.pictures import decode_image, decode_mask, square
from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.subjects import load_subjects
from toffee.data.pictures import MOST_PIXELS
from toffee.runtime.errors import ToffeeError

from ..loaders.conftest import write_multiview, write_subjects
from .conftest import Release, jpeg, write_metadata

SECONDS, BYTES = 10, 1 << 30
CHILD = get_context("fork")


def _within_limits(read: Callable[[], object], answer) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        read()
    except ToffeeError as error:
        answer.send(str(error))
    except BaseException as error:
        answer.send(f"{type(error).__name__} is no line for a user: {error}")
    else:
        answer.send("")


def read_by_a_child(read: Callable[[], object]) -> str:
    """The line that a reader ends with, "" where it ends well."""
    mine, its = CHILD.Pipe(duplex=False)
    child = CHILD.Process(target=_within_limits, args=(read, its))
    child.start()
    its.close()
    try:
        assert mine.poll(6 * SECONDS), "it hangs"
        line: str = mine.recv()
    except EOFError:
        line = f"it died with {child.exitcode}, of too much time or memory"
    finally:
        child.kill()
        child.join()
    assert "is no line for a user" not in line and "it died" not in line, line
    return line


def put_in_the_way(folder: Path, outside: Path) -> None:
    """One of each thing that must not be read, with names of pictures."""
    (folder / "link.jpg").symlink_to(outside)
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "eps.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (folder / "large.jpg").write_bytes(b"\xff\xd8\xff")
    os.truncate(folder / "large.jpg", 3 << 30)
    (folder / "large.txt").touch()
    os.truncate(folder / "large.txt", 3 << 30)


def importing(tmp_path: Path, **source) -> Callable[[], None]:
    common = {"out": tmp_path / "out", "resolution": 32, "seed": 0}
    if source["kind"] in ("images", "hub"):
        return lambda: subjects.import_subjects(source=source, subjects=None, **common)
    source |= {"heldout": 1e-9}
    arguments = {"heldout": False, "views": 3, "sequences": None}
    return lambda: views.import_multiview(source=source, **arguments, **common)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "secret.jpg").write_bytes(jpeg(1))
    return tmp_path / "secret.jpg"


@functools.cache
def largest(mode: str, format: str) -> bytes:
    """The largest picture that is decoded, in a file of a few kilobytes."""
    side = int(MOST_PIXELS**0.5)
    out = BytesIO()
    packed = {"TIFF": {"compression": "tiff_lzw"}, "PNG": {"compress_level": 1}}
    Image.new(mode, (side, side)).save(out, format, **packed[format])
    return out.getvalue()


@pytest.mark.parametrize(("mode", "format"), [("F", "TIFF"), ("I", "TIFF"), ("RGBA", "PNG")])
@pytest.mark.parametrize("read", [decode_image, decode_mask])
def test_pictures_that_are_large_in_memory(mode: str, format: str, read) -> None:
    file = largest(mode, format)

    def square_of_it() -> None:
        found = read(file, "file")
        if read is decode_image:
            square(found, None, 64, "file")

    assert not read_by_a_child(square_of_it)


def test_a_mask_along_a_picture_that_is_a_line(tmp_path: Path) -> None:
    """Its square would have ten thousand million pixels."""
    line, mask = Image.new("RGB", (100_000, 8)), np.ones((8, 100_000), bool)

    def cut() -> None:
        with pytest.raises(SetAside, match="mask of another shape"):
            square(line, mask, 64, "file")

    assert not read_by_a_child(cut)


def test_a_folder_of_pictures(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "photos" / "mug").mkdir(parents=True)
    (tmp_path / "photos" / "mug" / "1.jpg").write_bytes(jpeg(1))
    put_in_the_way(tmp_path / "photos" / "mug", outside)
    assert not read_by_a_child(importing(tmp_path, kind="images", path=str(tmp_path / "photos")))
    assert len(load_subjects(tmp_path / "out")) == 1
    text = (tmp_path / "out" / "quarantine.csv").read_text()
    assert len(text.splitlines()) == 1 + 6


def test_a_folder_of_subjects(tmp_path: Path, outside: Path) -> None:
    root = write_subjects(tmp_path / "subjects")
    put_in_the_way(root / "images", outside)
    line = "images/large.jpg,l,ball,\nimages/link.jpg,k,ball,\nimages/eps.jpg,e,ball,\n"
    with open(root / "metadata.csv", "a") as file:
        file.write(line)
    assert not read_by_a_child(lambda: load_subjects(root))
    reasons = {one.file: one.reason for one in load_subjects(root).quarantine}
    assert reasons["images/link.jpg"] == "link" and reasons["images/large.jpg"] == "broken image"
    assert reasons["images/eps.jpg"] == "broken image" and len(reasons) == 7


@pytest.mark.parametrize("name", ["ball/link", "ball/000/images/x.jpg", "ball/000/masks/x.png"])
def test_sequences_and_a_benchmark_that_lead_out(tmp_path: Path, name: str) -> None:
    root = write_multiview(tmp_path / "views")
    (root / name).symlink_to(tmp_path)
    assert "link" in read_by_a_child(lambda: load_multiview(root))
    (root / name).unlink()
    os.mkfifo(root / name)
    assert "no regular file" in read_by_a_child(lambda: load_multiview(root))
    (root / "dataset").mkdir()
    prompts = root / "dataset" / "prompts_and_classes.txt"
    prompts.symlink_to("/dev/zero")
    assert "found a device" in read_by_a_child(lambda: load_benchmark(root))
    prompts.unlink()
    prompt = "'a {0} {1}'.format(unique_token, class_token)"
    text = f"Classes\nsubject_name,class\n{'x' * 5000},dog\nPrompts\nObject Prompts\n{prompt}\n"
    prompts.write_text(text)
    assert "no such folder" in read_by_a_child(lambda: load_benchmark(root))


@pytest.mark.parametrize("text", ["[" * 1_000_000, "9" * 6_000, '{"a": NaN}', "\xff"])
def test_cameras(tmp_path: Path, text: str) -> None:
    root = write_multiview(tmp_path / "views")
    (root / "ball" / "000" / "cameras.json").write_text(text, encoding="latin-1")
    one = load_multiview(root)[0]
    assert "cameras.json: not" in read_by_a_child(one.cameras)


def test_zip_files(tmp_path: Path, outside: Path) -> None:
    release = Release(tmp_path / "mvimgnet")
    release.video(0, "a0")
    root = release.write()
    with zipfile.ZipFile(root / "mvi_01.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("0/a1/images/001.jpg", bytes(1 << 20))
        link = zipfile.ZipInfo("0/a1/images/002.jpg")
        link.external_attr = 0o120777 << 16
        file.writestr(link, str(outside))
        file.writestr("0/a1/images/0\n3.jpg", b"x")
        file.writestr(f"0/a1/images/{'x' * 300}.jpg", b"x")
        file.filelist[0].file_size = 3 << 30  # as the list of members says
    # Two that say they have a list of members of gigabytes, in both sizes of numbers.
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 3 << 30, 0, 0)
    (root / "mvi_02.zip").write_bytes(end)
    os.mkfifo(root / "mvi_03.zip")
    (root / "mvi_04.zip").symlink_to("/dev/zero")
    put_in_the_way(root, outside)
    (root / "loop.zip").symlink_to("loop.zip")
    assert not read_by_a_child(importing(tmp_path, kind="mvimgnet", path=str(root)))
    text = (tmp_path / "out" / "quarantine.csv").read_text()
    for reason in (
        "unreadable zip file",
        "unusable name",
        "no regular file",
        "link",
        "missing mask",
    ):
        assert f",{reason}," in text, reason


def with_long_list(path: Path, kind: str) -> None:
    """A zip file whose list of members has 4 kB, with an end of another kind."""
    with zipfile.ZipFile(path, "w") as file:
        for number in range(80):
            file.writestr(f"{number}.csv", "image,label,caption\n")
    data, size = path.read_bytes(), struct.calcsize("<4s4H2LH")
    files, end = data[:-size], bytearray(data[-size:])
    length, start = struct.unpack_from("<2L", end, 12)
    if kind == "end in the counts":
        end[8:12] = b"PK\5\6"
    elif kind == "end in the comment":
        end[20:] = struct.pack("<H", 8) + b"PK\5\6 end"
    elif kind == "two sizes":
        large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 80, 80, length, start)
        files += large + struct.pack("<4sLQL", b"PK\6\7", 0, len(files), 1)
        end[12:16] = bytes(4)
    path.write_bytes(files + end)


@pytest.mark.parametrize("kind", ["plain", "end in the counts", "end in the comment", "two sizes"])
def test_a_long_list_of_members_is_not_read(tmp_path: Path, monkeypatch, kind: str) -> None:
    (tmp_path / "data").mkdir()
    with_long_list(tmp_path / "data" / "train.zip", kind)
    readable = kind != "end in the comment"
    files = Archives(tmp_path / "data")
    assert len(list(files.members())) == (80 if readable else 0) and bool(files.faults) != readable
    monkeypatch.setattr(archives, "LARGEST_LIST", 1000)
    files = Archives(tmp_path / "data")
    assert not list(files.members()) and [one.reason for one in files.faults] == [
        "unreadable zip file"
    ]
    found = read_by_a_child(importing(tmp_path, **hub_source(tmp_path / "data")))
    assert "train.zip: unreadable zip file" in found, found
    assert not readable or "its list of members has" in found and "has" in files.faults[0].detail


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
CELLS = "'x' AS sequence_name, 'a' AS category, 'b' AS super_category"
PATHS = "'b/a/x/v.mp4' AS _video_path, NULL AS _mask_video_path"


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        (f"CREATE VIEW sequence_annots AS {ENDLESS} {CELLS}, {PATHS} FROM n", "is a view"),
        (
            "CREATE TABLE sequence_annots (sequence_name, category, super_category, _video_path, "
            "_mask_video_path AS (hex(zeroblob(100000000))))",
            "or computed",
        ),
        (
            "CREATE VIRTUAL TABLE sequence_annots USING fts5(sequence_name)",
            "or computed|no such mod",
        ),
        ("CREATE TABLE other (a)", "no table sequence_annots"),
        ("CREATE TABLE sequence_annots (a)", "no such column"),
        (
            "CREATE TABLE sequence_annots (sequence_name, category INTEGER, super_category, "
            "_video_path, _mask_video_path); "
            "INSERT INTO sequence_annots VALUES ('a', 3, 'b', '', '')",
            "row 1: column category is int, expected",
        ),
        (
            "CREATE TABLE sequence_annots (sequence_name, category, super_category, _video_path, "
            "_mask_video_path); INSERT INTO sequence_annots VALUES "
            "('a', 'b', 'c', hex(zeroblob(1000000)), '')",
            "column _video_path is bytes, expected a short text",
        ),
    ],
)
def test_databases(tmp_path: Path, sql: str, line: str) -> None:
    root = tmp_path / "uco3d"
    root.mkdir()
    with sqlite3.connect(root / "metadata.sqlite") as database:
        database.executescript(sql)
    database.close()
    found = read_by_a_child(importing(tmp_path, kind="uco3d", path=str(root), set_list=None))
    assert any(one in found for one in line.split("|")) and "metadata.sqlite" in found, found


def test_videos_and_paths_of_a_database(tmp_path: Path, outside: Path) -> None:
    """A playlist, a video out of the folder, a pipe, and names that no file can have."""
    root = tmp_path / "uco3d"
    rows = []
    for number, name in enumerate(("playlist", "link", "pipe", "none")):
        folder = root / "b" / "a" / name
        folder.mkdir(parents=True)
        (folder / "m.mkv").write_bytes(b"")
        if name == "playlist":
            (folder / "v.mp4").write_text(f"ffconcat version 1.0\nfile {outside}\n")
        elif name == "link":
            (folder / "v.mp4").symlink_to(outside)
        elif name == "pipe":
            os.mkfifo(folder / "v.mp4")
        rows.append((str(number), "a", "b", f"b/a/{name}/v.mp4", f"b/a/{name}/m.mkv"))
    rows.append(("long", "a", "b", f"b/{'x' * 300}/v.mp4", None))
    rows.append(("out", "a", "b", "../secret.jpg", None))
    rows.append(("nul\0", "a", "b", "b/a/none/v.mp4", None))
    write_metadata(root, rows)
    found = read_by_a_child(importing(tmp_path, kind="uco3d", path=str(root), set_list=None))
    assert "none of the source's sequences is usable" in found


def hub_source(folder: Path, **more) -> dict:
    columns = {"image": "image", "class_word": "label", "caption": "caption", "mask": None}
    given = {"repo": str(folder), "revision": None, "config": None, "split": "train", **columns}
    return {"kind": "hub", "classes": None, "licence": "cc0", **given, **more}


def write_parquet(folder: Path, rows: int, caption: str, name: str = "train.parquet") -> None:
    folder.mkdir()
    captions = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [caption])
    pictures = pa.array([{"bytes": jpeg(1), "path": None}] * rows)
    columns = {"image": pictures, "label": ["ball"] * rows, "caption": captions}
    pq.write_table(pa.table(columns), folder / name, compression="zstd")


@pytest.mark.parametrize("name", ["train.parquet", "train.geoparquet", "train.gpq", "a.parquet.x"])
def test_a_dictionary_of_one_long_text_for_all_rows(tmp_path: Path, name: str) -> None:
    """A file of a few kilobytes whose column of captions has 1.5 GB."""
    write_parquet(tmp_path / "data", 15_000, "x" * 100_000, name)
    assert (tmp_path / "data" / name).stat().st_size < 10_000
    found = read_by_a_child(importing(tmp_path, **hub_source(tmp_path / "data")))
    assert "broken caption (100000 characters" in found


@pytest.mark.parametrize(
    ("name", "limit", "line"),
    [
        ("train.csv.gz", None, "a packed file (.gz)"),
        ("train.jsonl.gz", None, "a packed file (.gz)"),
        ("train.tar.xz", None, "a packed file (.xz)"),
        ("train.zip", "LARGEST_TEXT", "1000 bytes of text"),
        ("train.zip", "LARGEST", "it has a.csv.gz"),
        ("parquet.zip", None, "Parquet in a zip file"),
        ("train.tsv", "LARGEST_TEXT", "bytes of text"),
        ("train.ndjson", None, "it begins as a packed file does"),
        ("train.csv.x", None, "it begins as a packed file does"),
        ("train.parquet", "LARGEST_GROUP", "a row group of"),
        ("train.geoparquet", "LARGEST_GROUP", "a row group of"),
        ("train.parquet", "MOST_VALUES", "3 values in a row group"),
    ],
)
def test_what_unpacks_to_more(tmp_path: Path, monkeypatch, name: str, limit, line: str) -> None:
    folder = tmp_path / "data"
    if name.endswith("parquet"):
        write_parquet(folder, 3, "a ball", name)
    else:
        folder.mkdir()
        (folder / name).write_bytes(gzip.compress(b"image,label,caption\n"))
    if name.endswith(".zip"):
        with zipfile.ZipFile(folder / name, "w") as file:
            other = "a.csv.gz" if limit else "a.parquet.x"
            file.writestr("a.csv" if limit == "LARGEST_TEXT" else other, "x" * 1000)
    if limit:
        monkeypatch.setattr(hub, limit, 1)
    found = read_by_a_child(importing(tmp_path, **hub_source(folder)))
    assert line in found and str(folder / name) in found, found


def test_an_arrow_file_whose_rows_unpack_to_more(tmp_path: Path) -> None:
    """13 kB that are a cell of 400 MB."""
    (tmp_path / "data").mkdir()
    table = pa.table({"image": [jpeg(1)], "label": ["ball"], "caption": ["x" * (400 << 20)]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(tmp_path / "data" / "train.arrow", table.schema, options=options) as out:
        out.write_table(table)
    found = read_by_a_child(importing(tmp_path, **hub_source(tmp_path / "data")))
    assert "train.arrow: an Arrow file" in found and "expected Parquet" in found


@pytest.mark.parametrize("place", ["../secret/train.parquet", "{root}/secret/*", ".hidden/*"])
@pytest.mark.parametrize("card", ["README.md", ".huggingface.yaml"])
def test_a_card_that_names_files_out_of_the_folder(tmp_path: Path, place: str, card: str) -> None:
    write_parquet(tmp_path / "data", 1, "mine")
    for folder in (tmp_path / "secret", tmp_path / "data" / ".hidden"):
        write_parquet(folder, 1, "secret")
    configs = f"configs: [{{config_name: a, data_files: '{place.format(root=tmp_path)}'}}]\n"
    lines = configs if card.endswith("yaml") else f"---\n{configs}---\n"
    (tmp_path / "data" / card).write_text(lines)
    found = read_by_a_child(importing(tmp_path, **hub_source(tmp_path / "data")))
    assert "train.parquet: not among" in found and "data" in found, found
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("licence", ["{a: b}", "[[1, 2]]", "3", "[a, {b: c}]"])
def test_a_licence_that_is_no_text(tmp_path: Path, licence: str) -> None:
    write_parquet(tmp_path / "data", 1, "a ball")
    (tmp_path / "data" / "README.md").write_text(f"---\nlicense: {licence}\n---\n")
    found = read_by_a_child(importing(tmp_path, **hub_source(tmp_path / "data", licence=None)))
    assert "README.md: license is" in found and "data.real.subjects.licence" in found
