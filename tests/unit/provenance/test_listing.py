"""Lists of files in tables beside records: as good as within them, and not read by planning."""

import json
import os
import shutil
from pathlib import Path

import pytest

from toffee.launch.adopt import adopt
from toffee.provenance import digests, listing
from toffee.provenance.digests import describe, sha256_of, summary
from toffee.provenance.listing import InOrder, Listing, keep, walk
from toffee.provenance.sources import describe_input
from toffee.runtime.errors import ToffeeError

from .test_record import INDEX, ROOT, do, here, record_of  # noqa: F401

FOLDER = f"{ROOT}/data/multiview"
TABLE = Path(ROOT, "records", "data", "multiview.json.files")
NAMES = ("b.txt", "b/a.txt", "b-c/a.txt", "b.d/deep/x.txt", "a/ä.txt", "a/Z.txt", "漢.txt")


@pytest.fixture
def many(monkeypatch):
    """Four files are many, and a batch is three."""
    monkeypatch.setattr(listing, "MANY", 3)
    monkeypatch.setattr(listing, "BATCH", 3)


def fill(folder=FOLDER, names=NAMES):
    for name in names:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name * 3)


def make(names=NAMES):
    """A job that makes the folder anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    fill(names=names)
    do("import_multiview", {}, {"folder": FOLDER})
    return record_of(FOLDER)["outputs"][FOLDER]


def watched(monkeypatch):
    """Names of the files whose bytes are read from now on."""
    read, true = [], digests.file_digest

    def watch(path):
        read.append(Path(path).name)
        return true(path)

    monkeypatch.setattr(digests, "file_digest", watch)
    return read


def test_files_come_in_the_order_of_their_whole_paths(here):  # noqa: F811
    fill()
    Path(FOLDER, "b", ".snakemake_timestamp").touch()
    os.symlink("../b", Path(FOLDER, "a", "link"))
    found = list(walk(FOLDER))
    assert found == sorted([*NAMES, "a/link/a.txt"])


def test_a_table_says_what_a_record_would(here, many):  # noqa: F811
    made = make()
    plain = describe(FOLDER)
    assert made == {**plain, "files": made["files"]} and len(made["files"]) == 64
    table = Listing(TABLE, made["files"])
    assert dict(table.items()) == plain["files"]
    assert list(dict(table.items())) == sorted(plain["files"])
    assert table.count() == len(plain["files"])
    assert table.tree() == (plain["sha256"], plain["size"])
    assert table.find("a/ä.txt") == plain["files"]["a/ä.txt"] and table.find("no") is None
    order = InOrder(table.items())
    assert order.get("a/a.txt") is None and order.get("b/a.txt") == plain["files"]["b/a.txt"]
    assert order.get("漢.txt") == plain["files"]["漢.txt"] and order.get("漢.txt2") is None


def test_the_same_files_give_the_same_table(here, many):  # noqa: F811
    fill()
    items = describe(FOLDER)["files"]
    assert keep(iter(items.items()), Path("a.files")) == keep(iter(items.items()), Path("b.files"))


def test_a_few_files_stay_in_the_record(here, many):  # noqa: F811
    assert isinstance(make(NAMES[:2])["files"], dict) and not TABLE.exists()


def test_what_did_not_change_is_not_read_again(here, many, monkeypatch):  # noqa: F811
    made = make()
    read = watched(monkeypatch)
    assert describe_input(FOLDER, ROOT)["sha256"] == sha256_of(FOLDER) == made["sha256"]
    assert read == []
    Path(FOLDER, "b/a.txt").write_text("other")
    Path(FOLDER, "b/b.txt").write_text("new")
    Path(FOLDER, "b.txt").unlink()
    assert describe_input(FOLDER, ROOT)["sha256"] == describe(FOLDER)["sha256"] != made["sha256"]
    assert read[:2] == ["a.txt", "b.txt"]


def test_a_rerun_replaces_the_table(here, many):  # noqa: F811
    first = make()
    second = make(NAMES[1:])
    assert first["files"] != second["files"]
    assert dict(Listing(TABLE, second["files"]).items()) == describe(FOLDER)["files"]
    make(NAMES[:2])
    assert not TABLE.exists()
    make()
    with pytest.raises(SystemExit):
        do("import_multiview", {}, {"folder": FOLDER}, fails=True)
    assert not TABLE.exists() and not TABLE.with_suffix("").exists()


def test_the_table_of_a_further_output_is_beside_its_pointer(here, many):  # noqa: F811
    fill()
    do("import_multiview", {}, {"index": INDEX, "folder": FOLDER})
    made = record_of(INDEX)["outputs"][FOLDER]
    assert dict(Listing(TABLE, made["files"]).items()) == describe(FOLDER)["files"]
    assert describe_input(FOLDER, ROOT)["sha256"] == made["sha256"]


@pytest.mark.parametrize("spoil", ["flip", "cut", "remove"])
def test_a_tampered_table_is_named_in_one_line(here, many, spoil):  # noqa: F811
    make()
    data = bytearray(TABLE.read_bytes())
    data[len(data) // 2] ^= 1
    TABLE.write_bytes(data if spoil == "flip" else data[:-9])
    if spoil == "remove":
        TABLE.unlink()
    with pytest.raises(ToffeeError) as error:
        describe_input(FOLDER, ROOT)
    assert str(TABLE) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["text", "other columns"])
def test_a_table_that_is_none_is_refused_also_where_its_record_was_edited(here, content):  # noqa: F811
    import pandas as pd

    if content == "text":
        Path("x.files").write_text("no table")
    else:
        pd.DataFrame({"path": ["a"], "sha256": ["0" * 64]}).to_parquet("x.files")
    with pytest.raises(ToffeeError, match=r"x\.files: expected a Parquet table of path, sha256"):
        list(Listing(Path("x.files"), digests.file_digest("x.files")).items())


def test_a_foreign_folder_of_many_files_is_read_once(here, many, monkeypatch):  # noqa: F811
    fill("photos")
    known = describe_input("photos", ROOT)
    (memory,) = Path(ROOT, "records", "sources").glob("*.json")
    assert isinstance(json.loads(memory.read_text())["files"], str)
    read = watched(monkeypatch)
    assert describe_input("photos", ROOT) == known and read == []
    memory.with_name(memory.name + ".files").unlink()  # as while another job writes it
    assert describe_input("photos", ROOT) == known and len(read) == len(NAMES)
    for name in NAMES[2:]:
        Path("photos", name).unlink()
    few = describe_input("photos", ROOT)
    assert few["sha256"] == summary("photos")["sha256"] != known["sha256"]
    assert not memory.with_name(memory.name + ".files").exists()


def test_copied_results_get_their_times_back(here, many):  # noqa: F811
    made = make()
    times = {name: os.stat(f"{FOLDER}/{name}").st_mtime_ns for name in NAMES}
    for name in NAMES:
        os.utime(f"{FOLDER}/{name}", ns=(5, 5))
    Path(FOLDER, "b/a.txt").write_text("other size")
    Path(FOLDER, "b/new.txt").write_text("new")
    assert adopt(ROOT).jobs == 1
    now = {name: os.stat(f"{FOLDER}/{name}").st_mtime_ns for name in NAMES}
    same = [name for name in NAMES if now[name] == times[name]]
    assert sorted(same) == sorted({*NAMES} - {"b/a.txt"}) and made["sha256"] != sha256_of(FOLDER)


def test_planning_opens_no_table_of_what_is_known(here, many):  # noqa: F811
    make()
    adopt(ROOT)
    record = TABLE.with_suffix("")
    os.utime(record, ns=(7, 7))  # looked at again
    TABLE.write_text("nobody may look in here")
    assert adopt(ROOT).jobs == 0
