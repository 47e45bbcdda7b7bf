"""The files of a folder from elsewhere. This is the one way that folders of photographs are listed.

No link to a folder is followed, so there are no loops. What is set aside instead of listed: links
that leave the folder, pipes and devices, folders that cannot be read, and names that a table or
another file system cannot hold. Names that begin with a dot are the system's, and ignored.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toffee.data.faults import Fault
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import kind_of

LONGEST_NAME, LONGEST_PATH = 255, 3800
"""Most bytes of a name, and of a path below its root: what file systems and system calls take."""


@dataclass(frozen=True)
class Files:
    """Paths relative to the root, with forward slashes: regular files, and folders; each sorted."""

    files: list[str]
    folders: list[str]
    faults: list[Fault]


def walk_files(root: str | os.PathLike[str]) -> Files:
    """All files and folders below a folder.

    Raises:
        ToffeeError: the folder itself is missing or cannot be read.
    """
    found = Files([], [], [])
    for some in walk_folders(root):
        found.files.extend(some.files)
        found.folders.extend(some.folders)
        found.faults.extend(some.faults)
    return Files(sorted(found.files), sorted(found.folders), sorted(found.faults))


def walk_folders(root: str | os.PathLike[str]) -> Iterator[Files]:
    """What is in a folder, and then in each folder below it, one at a time: a release may have too
    many files for one list.

    Raises:
        ToffeeError: the folder itself is missing or cannot be read.
    """
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            found = list_folder(root, below)
        except ToffeeError as error:
            if not below:
                raise
            found = Files([], [], [Fault(below, "unreadable folder", str(error))])
        waiting += reversed(found.folders)
        yield found


def list_folder(root: str | os.PathLike[str], below: str = "") -> Files:
    """What is in one folder below a root (see `walk_files`).

    Raises:
        ToffeeError: it is missing or cannot be read.
    """
    folder = os.path.join(root, below)
    found = Files([], [], [])
    try:
        base = os.path.realpath(root)
        if not f"{os.path.realpath(folder)}/".startswith(f"{base.rstrip('/')}/"):
            raise ToffeeError(f"{folder}: a link out of {root}, expected a folder in it")
        with os.scandir(folder) as entries:
            some = sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or error
        raise ToffeeError(f"{folder}: cannot be read ({reason}), expected a folder") from error
    for entry in some:
        if entry.name.startswith("."):
            continue
        path = f"{below}/{entry.name}" if below else entry.name
        if fault := _fault(entry, path, base):
            found.faults.append(fault)
        elif entry.is_dir(follow_symlinks=False):
            found.folders.append(path)
        else:
            found.files.append(path)
    return found


def leaves(path: str) -> bool:
    """Whether a relative path is none below its root, whatever is there."""
    normal = os.path.normpath(path)
    return os.path.isabs(path) or normal == "." or normal.split("/")[0] == ".."


def name_fault(path: str) -> str:
    """Why a path, of a member of a zip file for instance, is none that a table and other file
    systems can hold; "" where it is."""
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in path):
        return "has control characters, or bytes that are no UTF-8"
    if len(path.encode()) > LONGEST_PATH:
        return f"more than {LONGEST_PATH} bytes"
    if any(len(part.encode()) > LONGEST_NAME for part in path.split("/")):
        return f"a name of more than {LONGEST_NAME} bytes"
    return ""


def _fault(entry: os.DirEntry[str], path: str, base: str) -> Fault | None:
    if reason := name_fault(path):
        return Fault(path, "unusable name", f"{reason}, expected another name")
    try:
        if entry.is_symlink():
            return _link_fault(Path(entry.path), path, base)
        if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
            return None
        kind = kind_of(entry.stat(follow_symlinks=False).st_mode)
        return Fault(path, "no regular file", f"{kind}, expected a file")
    except OSError as error:
        return Fault(path, "no regular file", f"cannot be read ({error.strerror})")


def _link_fault(place: Path, path: str, base: str) -> Fault | None:
    real = os.path.realpath(place)
    if place.is_dir():
        return Fault(path, "link", f"to the folder {real}, which is not followed: name it itself")
    if not real.startswith(f"{base.rstrip('/')}/"):
        return Fault(path, "link", f"to {real}, which is outside of the folder: copy it here")
    if not place.is_file():
        return Fault(path, "link", f"to {real}, which is no file")
    return None
