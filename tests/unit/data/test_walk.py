"""Folders from elsewhere: everything in them is listed or named, and nothing outside of them."""

import os
import socket
from pathlib import Path

import pytest

from toffee.data.loaders.images import IMAGE_SUFFIXES, list_images
from toffee.data.pictures import FORMATS
from toffee.data.walk import leaves, list_folder, name_fault, walk_files
from toffee.runtime.errors import ToffeeError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret.jpg").write_bytes(b"x")
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    for name in ("1.jpg", "a/2.jpg", "a/b/3.jpg", ".hidden"):
        (root / name).write_bytes(b"x")
    return root


def test_files_and_folders_in_their_order(root: Path) -> None:
    found = walk_files(root)
    assert found.files == ["1.jpg", "a/2.jpg", "a/b/3.jpg"] and found.folders == ["a", "a/b"]
    assert not found.faults
    (root / "a" / "inside.jpg").symlink_to("../1.jpg")
    assert "a/inside.jpg" in walk_files(root).files, "a link within the folder is a file"
    (root.parent / "link").symlink_to(root)
    assert walk_files(root.parent / "link") == walk_files(root), "the root itself may be a link"


def test_what_is_set_aside(root: Path) -> None:
    (root / "a" / "out.jpg").symlink_to(root.parent / "other" / "secret.jpg")
    (root / "a" / "folder").symlink_to(root.parent / "other")
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "self.jpg").symlink_to("self.jpg")
    (root / "a" / "gone.jpg").symlink_to("nothing.jpg")
    os.mkfifo(root / "a" / "pipe.jpg")
    (root / "dev.jpg").symlink_to("/dev/zero")
    (root / "new\nline.jpg").write_bytes(b"x")
    (root / "e\x1b[31m.jpg").write_bytes(b"x")
    (Path(os.fsdecode(os.fsencode(root) + b"/\xff.jpg"))).write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as one:
        os.chdir(root)  # a socket's address is short
        one.bind("socket.jpg")
    found = walk_files(root)
    assert found.files == ["1.jpg", "a/2.jpg", "a/b/3.jpg"] and found.folders == ["a", "a/b"]
    assert {(fault.file, fault.reason) for fault in found.faults} == {
        ("a/out.jpg", "link"),
        ("a/folder", "link"),
        ("a/loop", "link"),
        ("a/self.jpg", "link"),
        ("a/gone.jpg", "link"),
        ("a/pipe.jpg", "no regular file"),
        ("dev.jpg", "link"),
        ("socket.jpg", "no regular file"),
        ("new\\nline.jpg", "unusable name"),
        ("e\\x1b[31m.jpg", "unusable name"),
        ("\\xff.jpg", "unusable name"),
    }


def test_a_tree_deeper_than_a_path_may_be_ends(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = walk_files(tmp_path)
    assert 10 < len(found.folders) < 60 and len(found.faults) == 1


def test_a_folder_that_is_none_or_leads_out_is_one_line(root: Path) -> None:
    for path in (root / "none", root / "1.jpg", "nul\0"):
        with pytest.raises(ToffeeError, match="cannot be read"):
            walk_files(path)
    (root / "images").symlink_to(root.parent / "other")
    with pytest.raises(ToffeeError, match="images: a link out of"):
        list_folder(root, "images")
    with pytest.raises(ToffeeError, match="images: a link out of"):
        list_images(root / "images", root)


def test_names_and_paths() -> None:
    assert not name_fault("a/b.jpg") and not name_fault("猫/café.jpg")
    assert "255 bytes" in name_fault("é" * 200) and "bytes" in name_fault("a/" * 2000)
    assert all(map(leaves, ("../a", "/a", "a/../../b", ".", "..")))
    assert not any(map(leaves, ("a", "a/../b", "..a", "a..")))


def test_pictures_in_formats_that_are_not_read_are_no_silent_gap(root: Path) -> None:
    assert [path.name for path in list_images(root)] == ["1.jpg"]
    (root / "notes.txt").write_text("x")
    assert [path.name for path in list_images(root)] == ["1.jpg"]
    (root / "2.HEIC").write_bytes(b"x")
    with pytest.raises(ToffeeError, match=r"2.HEIC: not a format that is read, expected .jpg"):
        list_images(root)
    (root / "2.HEIC").unlink()
    os.mkfifo(root / "pipe")
    with pytest.raises(ToffeeError, match=r"pipe: no regular file \(a pipe, expected a file\)"):
        list_images(root)


def test_suffixes_are_those_of_the_formats() -> None:
    from PIL import Image

    Image.init()
    known = {end for end, name in Image.registered_extensions().items() if name in FORMATS}
    assert {*IMAGE_SUFFIXES} == known | {".mpo"}, "a .mpo begins with a JPEG"
