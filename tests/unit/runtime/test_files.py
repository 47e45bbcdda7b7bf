"""Atomic writes: a path is whole or absent, also when the disk is full."""

import errno
import os
import subprocess

import pytest

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, file_digest, is_disk_full, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_whole(tmp_path):
    target = tmp_path / "deep" / "table.csv"
    with atomic_path(target) as temporary:
        temporary.write_text("a")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == ".csv"
    assert target.read_text() == "a"
    assert names(target.parent) == ["table.csv"]


def test_directory_replaces_directory(tmp_path):
    target = tmp_path / "model"
    for content in ("old", "new"):
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert names(target) == ["new"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_error_leaves_what_was_there(tmp_path, error):
    target = tmp_path / "table.csv"
    write_text(target, "before")
    with pytest.raises(type(error)), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "before"
    assert names(tmp_path) == ["table.csv"]


def test_nothing_written_is_an_error(tmp_path):
    message = "nothing was written for .*table.csv"
    with pytest.raises(ToffeeError, match=message), atomic_path(tmp_path / "table.csv"):
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_one_line(tmp_path, number):
    target = tmp_path / "model"
    message = f"^disk full while writing {target}$"
    with pytest.raises(ToffeeError, match=message), atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "half").write_text("half")
        raise OSError(number, os.strerror(number))
    assert names(tmp_path) == []


def test_full_disk_is_seen_through_a_library(tmp_path):
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise RuntimeError("could not flush") from error
    except RuntimeError as wrapped:
        assert is_disk_full(wrapped)
    assert is_disk_full(RuntimeError("write failed: No space left on device (os error 28)"))
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"))


def test_really_full_disk(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        message = "disk full while writing .*big"
        with pytest.raises(ToffeeError, match=message), atomic_path(tmp_path / "big") as temporary:
            temporary.write_bytes(bytes(2**20))
        assert names(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_digest(tmp_path):
    write_text(tmp_path / "abc", "abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(tmp_path / "abc") == expected
    with pytest.raises(ToffeeError, match="cannot read .*absent"):
        file_digest(tmp_path / "absent")


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_what_is_written_follows_the_umask(tmp_path, mask):
    """Also where a library writes for its owner alone, as safetensors does."""
    own = tmp_path / "own"
    own.touch(0o600)
    before = os.umask(mask)
    try:
        for path in (tmp_path / "file", tmp_path / "folder" / "out"):
            with atomic_path(path) as temporary:
                if path.name == "out":
                    temporary.mkdir()
                    os.link(own, temporary / "linked")
                    temporary = temporary / "deep.bin"
                with open(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                    file.write("x")
    finally:
        os.umask(before)
    for path in (tmp_path / "file", tmp_path / "folder" / "out" / "deep.bin"):
        assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    assert own.stat().st_mode & 0o777 == 0o600
