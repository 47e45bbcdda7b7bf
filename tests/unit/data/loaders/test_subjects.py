"""The image folder: what is read, what is set aside, what stops."""

import csv
import os
from pathlib import Path

import pytest
from PIL import Image

from toffee.data.loaders.subjects import load_subjects, write_quarantine
from toffee.runtime.errors import ToffeeError


def metadata(root: Path, text: str) -> None:
    (root / "metadata.csv").write_text(text)


HEAD = "file_name,subject,class_word,caption\n"


def test_records(subjects: Path) -> None:
    folder = load_subjects(subjects)
    assert [s.subject for s in folder.subjects] == ["a", "b", "c"] and not folder.quarantine
    second = folder.subjects[1]
    assert (second.class_word, second.caption) == ("crate", "a red striped crate")
    assert folder.relative(second.image) == "images/b.jpg"
    assert folder.relative(second.mask) == "masks/b.png"
    assert folder.relative(None) == ""


def test_masks_are_optional_and_file_names_may_leave_out_images(subjects: Path) -> None:
    for mask in (subjects / "masks").iterdir():
        mask.unlink()
    (subjects / "masks").rmdir()
    metadata(subjects, HEAD + "b.jpg,b,crate,\nimages/a.jpg,a,ball,x\nc.jpg,c,ball,\n")
    folder = load_subjects(subjects)
    assert [folder.relative(s.image) for s in folder.subjects] == [
        "images/b.jpg",
        "images/a.jpg",
        "images/c.jpg",
    ]
    assert all(subject.mask is None for subject in folder.subjects) and not folder.quarantine


def spoil(root: Path, reason: str) -> str:
    """Make subject b bad; returns the file that the quarantine should name."""
    image, mask = root / "images" / "b.jpg", root / "masks" / "b.png"
    if reason == "missing image":
        image.unlink()
    elif reason == "broken image":
        os.truncate(image, image.stat().st_size // 2)
    elif reason == "missing mask":
        mask.unlink()
    elif reason == "broken mask":
        os.truncate(mask, 30)
    elif reason == "mask of another size":
        Image.new("1", (16, 15), 1).save(mask)
    elif reason == "empty mask":
        Image.new("1", (16, 16), 0).save(mask)
    is_of_mask = reason in ("broken mask", "mask of another size", "empty mask")
    return "masks/b.png" if is_of_mask else "images/b.jpg"


@pytest.mark.parametrize(
    "reason",
    [
        "missing image",
        "broken image",
        "missing mask",
        "broken mask",
        "mask of another size",
        "empty mask",
    ],
)
def test_a_single_bad_picture_is_set_aside(subjects: Path, tmp_path: Path, reason: str) -> None:
    file = spoil(subjects, reason)
    folder = load_subjects(subjects)
    assert [s.subject for s in folder.subjects] == ["a", "c"]
    (item,) = folder.quarantine
    assert (item.subject, item.file, item.reason) == ("b", file, reason)
    write_quarantine(folder.quarantine, tmp_path / "quarantine.csv")
    with open(tmp_path / "quarantine.csv", newline="") as table:
        assert [row["reason"] for row in csv.DictReader(table)] == [reason]


def test_unlisted_pictures_are_set_aside(subjects: Path) -> None:
    Image.new("RGB", (16, 16)).save(subjects / "images" / "z.jpg")
    (item,) = load_subjects(subjects).quarantine
    assert (item.file, item.reason) == ("images/z.jpg", "not in metadata.csv")


def test_an_empty_quarantine_has_its_header(tmp_path: Path) -> None:
    write_quarantine([], tmp_path / "quarantine.csv")
    assert (tmp_path / "quarantine.csv").read_text() == "subject,file,reason,detail\n"


def test_nothing_usable_stops(subjects: Path) -> None:
    for image in (subjects / "images").iterdir():
        image.write_bytes(b"")
    with pytest.raises(
        ToffeeError, match=r"subjects: none of 3 images is usable, e.g. images/a.jpg: broken image"
    ):
        load_subjects(subjects)


def test_empty_folders_stop(subjects: Path, tmp_path: Path) -> None:
    with pytest.raises(ToffeeError, match="none: no such folder"):
        load_subjects(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ToffeeError, match="empty: empty folder"):
        load_subjects(tmp_path / "empty")
    for image in (subjects / "images").iterdir():
        image.unlink()
    with pytest.raises(ToffeeError, match="images: empty folder"):
        load_subjects(subjects)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "metadata.csv: no such file, expected the columns file_name, subject"),
        ("file_name,subject,caption\na.jpg,a,x\n", "column class_word is missing"),
        (HEAD, "no rows"),
        (HEAD + "a.jpg,a,,x\n", "row 1: class_word is empty"),
        (HEAD + "a.jpg,a,ball,x\nb.jpg,a,ball,x\n", "subject 'a' is in 2 rows"),
        (HEAD + "../secret.jpg,a,ball,x\n", "row 1: file_name '../secret.jpg' leaves the folder"),
        (HEAD + "/etc/passwd,a,ball,x\n", "row 1: file_name '/etc/passwd' leaves the folder"),
    ],
)
def test_bad_metadata_stops_with_one_line(subjects: Path, text: str | None, message: str) -> None:
    (subjects / "metadata.csv").unlink()
    if text is not None:
        metadata(subjects, text)
    with pytest.raises(ToffeeError, match=message) as error:
        load_subjects(subjects)
    assert "metadata.csv" in str(error.value) and "\n" not in str(error.value)
