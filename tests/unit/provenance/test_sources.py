"""Folders from elsewhere: a change of what is in them is seen, a change of times alone is none."""

import os

import pytest

from toffee.provenance import sources
from toffee.provenance.sources import describe_input, fingerprint, remember_source
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PROJECT

ROOT = "results/tiny"


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/b.jpg"):
        (tmp_path / "photos" / name).write_bytes(name.encode())
    return tmp_path / "photos"


def now():
    fingerprint.cache_clear()
    return fingerprint("photos", ROOT)


def later(path, seconds=60):
    time = path.stat().st_mtime + seconds
    os.utime(path, (time, time))


@pytest.mark.parametrize("read", [True, False], ids=["read by a job", "not yet read"])
def test_every_change_is_seen(photos, read):
    before = now()
    if read:
        describe_input("photos", ROOT)
    assert now() == before
    (photos / "a.jpg").write_bytes(b"other")  # in place, as large as before
    later(photos / "a.jpg")
    found = {before, now()}
    (photos / "c.jpg").write_bytes(b"c")
    found.add(now())
    (photos / "deep" / "b.jpg").rename(photos / "deep" / "d.jpg")
    found.add(now())
    (photos / "c.jpg").unlink()
    found.add(now())
    assert len(found) == 5


def test_new_times_of_what_a_job_has_read_are_no_change(photos):
    describe_input("photos", ROOT)
    before = now()
    for path in photos.rglob("*.jpg"):
        later(path)
    assert now() == before
    describe_input("photos", ROOT)  # another job reads it
    assert now() == before
    (photos / "a.jpg").write_bytes(b"other")
    assert now() != before
    describe_input("photos", ROOT)
    assert now() != before


def test_a_file_counts_too_and_a_missing_path_does_not(photos):
    before = fingerprint("photos/a.jpg", ROOT)
    later(photos / "a.jpg")
    fingerprint.cache_clear()
    assert fingerprint("photos/a.jpg", ROOT) != before
    assert fingerprint("absent", ROOT) is None


@pytest.mark.parametrize("path", ["/", "/proc", str(PROJECT), str(PROJECT.parent)])
def test_a_folder_that_holds_all_of_the_machine_is_no_source(path):
    with pytest.raises(ToffeeError, match="expected a folder of a source"):
        fingerprint(path, ROOT)


def test_new_times_of_what_was_imported_are_no_change(photos, tmp_path):
    (tmp_path / ROOT / "records").mkdir(parents=True)
    before = now()
    remember_source("photos", tmp_path / ROOT / "data" / "subjects")
    remember_source("photos", tmp_path / "elsewhere")
    for path in photos.rglob("*.jpg"):
        later(path)
    assert now() == before
    (photos / "a.jpg").write_bytes(b"other")
    assert now() != before


def test_a_source_that_is_large_or_has_no_content_counts_by_its_times(
    photos, tmp_path, monkeypatch
):
    (tmp_path / ROOT / "records").mkdir(parents=True)
    os.mkfifo(photos / "pipe.jpg")
    (photos / "loop").symlink_to(photos)
    (photos / "gone.jpg").symlink_to("nowhere")
    before = now()
    remember_source("photos", tmp_path / ROOT / "data" / "subjects")
    for name in ("pipe.jpg", "loop"):
        (photos / name).unlink()
    without = now()
    assert without != before
    (photos / "gone.jpg").unlink()
    monkeypatch.setattr(sources, "LARGEST", 1)
    remember_source("photos", tmp_path / ROOT / "data" / "subjects")
    assert not (tmp_path / ROOT / "records" / "sources").exists()
    monkeypatch.undo()
    os.chdir(tmp_path)
    remember_source("photos", tmp_path / ROOT / "data" / "subjects")
    assert (tmp_path / ROOT / "records" / "sources").exists()
    os.mkfifo(photos / "pipe.jpg")  # later, when its content is remembered
    assert now() != without
