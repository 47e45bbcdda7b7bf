"""Files that are either whole or absent: atomic writes and digests."""

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toffee.runtime.errors import ToffeeError

KEEP_JOURNALS = "TOFFEE_KEEP_JOURNALS"
"""Environment variable: keep the journals of finished shards (see `toffee.storage.writer`)."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

TEMPORARY = re.compile(r"^\..+\.[0-9a-f]{8}\.(tmp|old)(\..*)?$")
"""Names that `atomic_path` writes to, and that a killed process may leave behind."""


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a file or a directory tree; a path that does not exist is fine."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class DiskFull(ToffeeError):
    """The disk is full: another attempt or another server would not help."""


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, says that the disk or the quota is full.

    Some libraries (h5py, safetensors, pyarrow) wrap the system's error or keep only its text, so
    the chain of causes and the text are looked at too.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        text = str(error)
        if any(os.strerror(number) in text for number in DISK_FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def disk_full_as_error(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn a full disk inside the block into one line that names the path being written.

    Raises:
        DiskFull: the disk or the quota is full.
    """
    try:
        yield
    except ToffeeError:
        raise
    except Exception as error:
        if is_disk_full(error):
            raise DiskFull(f"disk full while writing {path}") from error
        raise


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`.

    The block writes a file or makes a directory there, with the same suffix as the target because
    many writers choose their format by it. After an error nothing is left of it and whatever was at
    `path` before is untouched. A directory that is already at `path` is replaced as a whole.

    Args:
        path: the final file or directory; missing parents are made.

    Raises:
        DiskFull: the disk or the quota is full.
        ToffeeError: the block wrote nothing.
    """
    path = Path(path)
    # Not the process's number: that of another machine may be the same.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    with disk_full_as_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        try:
            yield temporary
            if not temporary.exists():
                raise ToffeeError(f"nothing was written for {path}")
            share(temporary)
            replace(temporary, path)
        finally:
            remove(temporary)


def share(path: Path) -> None:
    """Give files that a library wrote for their owner alone the permissions of any new file.

    A file with a second name is left as it is: that may be one of the user's own.
    """
    below = path.rglob("*") if path.is_dir() else iter([path])
    for file in below:
        status = file.lstat()
        private = stat.S_ISREG(status.st_mode) and status.st_mode & 0o077 == 0
        if private and status.st_nlink == 1:
            file.chmod(stat.S_IMODE(status.st_mode) | 0o666 & ~_umask())


def _umask() -> int:
    try:  # another thread may be making a file: the system call would change the mask
        return int(
            re.findall(r"^Umask:\s*(\d+)", Path("/proc/self/status").read_text(), re.M)[0], 8
        )
    except (OSError, IndexError):
        mask = os.umask(0o077)
        os.umask(mask)
        return mask


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove temporary files of `path` that killed processes left. Nobody may be writing it now."""
    path = Path(path)
    if path.parent.is_dir():
        for other in path.parent.iterdir():
            own = other.name.startswith((f".{path.stem}.", f".{path.name}."))
            if own and TEMPORARY.match(other.name):
                remove(other)


def replace(source: Path, target: Path) -> None:
    """Move `source` over `target`, also where either of them is a directory."""
    if source.is_dir() and target.is_dir():
        # os.replace refuses a directory that is not empty: move the old one away first.
        aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
        remove(aside)
        os.replace(target, aside)
        try:
            os.replace(source, target)
        except OSError:
            os.replace(aside, target)
            raise
        remove(aside)
    else:
        os.replace(source, target)


def link_or_copy(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Give a file a second name (a hard link), or copy it if the file system has no hard links.

    Afterwards a file may be replaced, but never written into: both names share its bytes.
    """
    # The file itself: a symbolic link may point elsewhere later.
    source = Path(source).resolve()
    try:
        os.link(source, target)
    except OSError as error:
        if is_disk_full(error) or not source.is_file():
            raise
        shutil.copyfile(source, target)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises:
        ToffeeError: the file is missing, cannot be read, or is none.
    """
    with open_file(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ToffeeError(f"cannot read {path}: {error.strerror}") from error


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a file to read its bytes. A pipe would wait for ever, a device may have no end.

    Raises:
        ToffeeError: there is none, it cannot be read, or it is no regular file.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or error
        raise ToffeeError(f"cannot read {path}: {reason}") from error
    kind = os.fstat(number).st_mode
    if not stat.S_ISREG(kind):
        os.close(number)
        raise ToffeeError(f"cannot read {path}: expected a file, found {kind_of(kind)}")
    return os.fdopen(number, "rb")


def kind_of(mode: int) -> str:
    """What the mode of something on a disk says that it is, in words."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
        stat.S_IFREG: "a file",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")
