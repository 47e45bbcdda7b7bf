"""The files of a release, extracted or still in its zip files, which are read in place."""

import io
import os
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from toffee.data.faults import Fault, SetAside
from toffee.data.pictures import LARGEST, read_file
from toffee.data.walk import name_fault, walk_folders
from toffee.runtime.errors import ToffeeError

LARGEST_LIST = 1 << 26
"""Largest list of members in bytes, some 600,000 of them: as objects they take ten times that. The
largest of MVImgNet's has a quarter of it; a larger zip file is to be unpacked."""

_OPEN = 4  # zip files held open; the list of one of MVImgNet's takes some 100 MB

Member = tuple[str, str]  # (zip file or "" for an extracted file, path), both below the root


class Archives:
    """All files below a folder, and all members of the zip files there. Nothing is extracted.

    `read` takes the names that `members` lists.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise ToffeeError(f"{self.root}: no such folder, expected a release's files")
        self.faults: list[Fault] = []
        # Threads that share a file's handle take turns at it by zipfile's own lock.
        self._opened = lru_cache(maxsize=_OPEN)(self._open)

    def members(self) -> Iterator[Member]:
        """Extracted files, folder by folder, then the members of each zip file by name: few of them
        are held at once.

        What cannot be used of the folder (see `toffee.data.walk`) stands in `faults`. So does a zip
        file that cannot be read, or that has a member whose name would leave the folder that it is
        unpacked into: it is left out as a whole.
        """
        zips: list[str] = []
        for found in walk_folders(self.root):
            self.faults += found.faults
            for path in found.files:
                if path.lower().endswith(".zip"):
                    zips.append(path)
                else:
                    yield "", path
        for archive in sorted(zips):
            for name in self._listed(archive):
                yield archive, name

    def read(self, member: Member) -> bytes:
        """The bytes of a member.

        Raises:
            SetAside: it cannot be read, or is damaged (zip files have checksums).
        """
        archive, name = member
        if not archive:
            try:
                return read_file(self.root / name)
            except (OSError, ValueError) as error:
                raise SetAside(name, "missing image", error) from error
        try:
            file = self._opened(archive)
            size = file.getinfo(name).file_size
            if size > LARGEST:
                raise ValueError(f"says it is {size} bytes large")
            return file.read(name)
        except Exception as error:  # zipfile, zlib and lzma have many
            raise SetAside(label(member), "unreadable zip member", error) from error

    def _listed(self, archive: str) -> list[str]:
        try:
            members = list_members(self.root / archive)
            names = [info.filename for info in members if not info.is_dir()]
        except Exception as error:  # of zipfile and struct; a name may be in no known encoding
            self.faults.append(Fault(archive, "unreadable zip file", str(error)))
            return []
        leaving = next((name for name in names if not is_below(name)), None)
        if leaving is not None:
            detail = f"member {leaving!r} would leave the folder"
            self.faults.append(Fault(archive, "unsafe zip file", detail))
            return []
        for name in names:
            if reason := name_fault(name):
                self.faults.append(Fault(f"{archive}/{name}"[:500], "unusable name", reason))
        return sorted(name for name in names if not name_fault(name))

    def _open(self, archive: str) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.root / archive)


def is_below(name: str) -> bool:
    """Whether the name of a member stays below the folder that it is unpacked into."""
    path = PurePosixPath(name)
    drive = re.match(r"[A-Za-z]:", name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name or drive)


def list_members(path: str | os.PathLike[str]) -> list[zipfile.ZipInfo]:
    """The members of a zip file.

    Raises:
        ValueError: the list has more than `LARGEST_LIST` bytes; zipfile and struct have other
            errors.
    """
    with _ListReader(path) as file:
        return zipfile.ZipFile(file).infolist()


class _ListReader(io.FileIO):
    """A file whose list of members zipfile reads, where that is not too large.

    zipfile asks for the whole list at once. What it asks for is the size that counts: a file's end
    can be written such that another reader finds another size in it.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_LIST:
            raise ValueError(f"its list of members has {size} bytes: unpack it")
        return super().read(size)


def label(member: Member) -> str:
    """The name of a member in tables: "mvi_00.zip/0/000a/images/001.jpg"."""
    return "/".join(part for part in member if part)
