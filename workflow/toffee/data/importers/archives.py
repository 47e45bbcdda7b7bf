"""The files of a release, extracted or still in its zip files, which are read in place."""

import os
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from toffee.data.importers.faults import Fault, SetAside
from toffee.runtime.errors import ToffeeError

LARGEST = 1 << 28
"""Largest member in bytes that is unpacked: a larger one is no picture."""

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
        """Files in the order of their names, extracted ones first.

        A zip file that cannot be read, or that has a member whose name would leave the folder that
        it is unpacked into, is left out as a whole and stands in `faults`.
        """
        zips = []
        for where, folders, names in os.walk(self.root, followlinks=True):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(where).relative_to(self.root)
            for name in sorted(names):
                path = (below / name).as_posix()
                if name.startswith("."):
                    continue
                if name.lower().endswith(".zip"):
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
                return (self.root / name).read_bytes()
            except OSError as error:
                raise SetAside(name, "missing image", error.strerror) from error
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
            with zipfile.ZipFile(self.root / archive) as file:
                names = [info.filename for info in file.infolist() if not info.is_dir()]
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            self.faults.append(Fault(archive, "unreadable zip file", str(error)))
            return []
        leaving = next((name for name in names if not is_below(name)), None)
        if leaving is not None:
            detail = f"member {leaving!r} would leave the folder"
            self.faults.append(Fault(archive, "unsafe zip file", detail))
            return []
        return sorted(names)

    def _open(self, archive: str) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.root / archive)


def is_below(name: str) -> bool:
    """Whether the name of a member stays below the folder that it is unpacked into."""
    path = PurePosixPath(name)
    drive = re.match(r"[A-Za-z]:", name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name or drive)


def label(member: Member) -> str:
    """The name of a member in tables: "mvi_00.zip/0/000a/images/001.jpg"."""
    return "/".join(part for part in member if part)
