"""Fetch a model from the Hugging Face hub or a mirror, and compare its files with the lock.

The first download writes the digests into the lock (see `lock`). A mirror is used only if the
repository is gone, and must serve exactly the locked files; if it fails, the next mirror is tried.
If nothing is locked yet, a mirror's files are accepted and locked, with a warning that they could
not be compared.
"""

import dataclasses
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path

from toffee.config.models import HubFiles
from toffee.download.hub import Gone, RemoteFile, Repository, choose, is_wanted, look_up, patterns
from toffee.download.lock import Entry, SourceLock
from toffee.download.space import require_space
from toffee.download.transfer import INCOMPLETE, fetch_file, missing_bytes
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import (
    DiskFull,
    atomic_path,
    disk_full_as_error,
    file_digest,
    remove,
    replace,
    write_text,
)
from toffee.runtime.progress import progress

MIB = 2**20


class Refused(ToffeeError):
    """A repository serves other bytes than the locked ones."""


def fetch_from_hub(role: str, source: HubFiles, lock_path: str | Path, out: str | Path) -> None:
    """Fetch a model into its final folder, from its repository or else from a mirror.

    Args:
        role: what the model is for; used in messages.
        source: where it is.
        lock_path: the lock file; what it lacks is added.
        out: the model's folder. The files are in `<out>.partial` too, until `remove_work`.

    Raises:
        ToffeeError: no repository serves the model, one serves other bytes than the locked ones, or
            the disk has no room.
    """
    lock = SourceLock(lock_path, source.repo, source.revision)
    problems: list[str] = []
    for repo, revision in candidates(source, lock):
        is_mirror = bool(problems)  # the first candidate is the source itself
        try:
            supply = look_up(repo, revision, patterns(source))
            warn(role, source, lock, supply)
            files = fetch(role, source, lock, supply, Path(out))
        except DiskFull:
            raise
        except ToffeeError as error:
            if not is_mirror and not isinstance(error, Gone):
                raise  # a mirror replaces only a repository that is gone
            what = f"mirror {repo} {'is refused' if isinstance(error, Refused) else 'fails'}: "
            problems.append(f"{what if is_mirror else ''}{error}")
        else:
            lock.record(supply.key, files)
            finish(Path(out), source.subfolder)
            return
    raise ToffeeError("; ".join(problems))


def candidates(source: HubFiles, lock: SourceLock) -> Iterator[tuple[str, str | None]]:
    """Repositories and revisions to try in order: the source at its locked commit, then its
    mirrors."""
    owner, _, commit = (lock.key or "").partition("@")
    yield source.repo, commit if owner == source.repo else source.revision
    for mirror in source.mirrors:
        yield mirror.repo, mirror.revision


def warn(role: str, source: HubFiles, lock: SourceLock, supply: Repository) -> None:
    """Warn if a mirror is used, or if a branch or tag is locked to a commit."""
    if supply.repo != source.repo:
        compared = (
            f"its bytes must be those of {lock.path}"
            if lock.files(supply.key)
            else f"nothing in {lock.path} could be compared with it"
        )
        say = f"{source.repo} is not available, using its mirror {supply.key}; {compared}"
        print(f"warning: {role}: {say}", file=sys.stderr)
    if lock.key is None:
        say = f"{lock.revision} is no commit: locked to {supply.key} in {lock.path}"
        print(f"warning: {role}: {say}", file=sys.stderr)


def fetch(
    role: str, source: HubFiles, lock: SourceLock, supply: Repository, out: Path
) -> dict[str, Entry]:
    """Fetch a source's files from one repository into `<out>.partial` and compare each of them.

    Returns:
        Digests and sizes of the files, by path in the repository.

    Raises:
        Refused: the repository does not hold the locked files.
        ToffeeError: a file is missing or cannot be had, or the disk has no room.
    """
    locked = [name for name in lock.files(supply.key) if is_wanted(name, source)]
    for name in locked:
        if name not in supply.files:
            raise Refused(f"{supply.key} holds no {name}, which {lock.path} has")
    if locked and supply.repo != source.repo:
        # Other files of a mirror are not wanted: no lock vouches for them.
        supply = dataclasses.replace(supply, files={name: supply.files[name] for name in locked})
    wanted = choose(supply, source)
    for name, file in wanted.items():
        if file.sha256 is not None:
            check(lock, supply, name, file.sha256)  # before its gigabytes are fetched
    with disk_full_as_error(out):
        folder = work_folder(out, supply, wanted)
        rest = sum(missing_bytes(file, folder / name) for name, file in wanted.items())
        require_space(folder, rest)
        entries: dict[str, Entry] = {}
        received = receive(lock, supply, wanted, folder, entries)
        for _ in progress(mebibytes(received), ceil(rest / MIB), f"download {role}", "MiB"):
            pass
    return entries


def receive(
    lock: SourceLock,
    supply: Repository,
    wanted: Mapping[str, RemoteFile],
    folder: Path,
    entries: dict[str, Entry],
) -> Iterator[int]:
    """Fetch files, small ones first, and compare the digest of each.

    Args:
        lock, supply, wanted: the digests to compare with, the repository and its files.
        folder: where the files go; a file with a wrong digest is removed again.
        entries: the digests and sizes of the files are added here.

    Yields:
        Bytes received since the last time.

    Raises:
        Refused: a file is not what the lock has, or not what the hub lists.
    """
    for name in sorted(wanted, key=lambda name: (wanted[name].size, name)):
        path = folder / name
        yield from fetch_file(supply, name, path)
        found, listed = file_digest(path), wanted[name].sha256
        try:
            check(lock, supply, name, found)
            if listed not in (None, found):
                raise Refused(f"{name} has SHA-256 {found}, expected {listed} as the hub lists it")
        except Refused:
            remove(path)
            raise
        entries[name] = Entry(sha256=found, size=path.stat().st_size)


def check(lock: SourceLock, supply: Repository, name: str, found: str) -> None:
    """Compare a digest with the locked one, if there is one.

    Raises:
        Refused: they differ.
    """
    locked = lock.files(supply.key).get(name)
    if locked is not None and locked.sha256 != found:
        key = lock.key or supply.key
        raise Refused(
            f"{name} of {supply.key} has SHA-256 {found}, expected {locked.sha256} as {lock.path} "
            f"has it for {key}"
        )


def mebibytes(sizes: Iterator[int]) -> Iterator[None]:
    """Yield once per MiB received, and once for the rest."""
    waiting = 0
    for size in sizes:
        waiting += size
        while waiting >= MIB:
            waiting -= MIB
            yield
    if waiting:
        yield


def work_folder(out: Path, supply: Repository, wanted: Mapping[str, RemoteFile]) -> Path:
    """The folder of received files. Snakemake removes `out` before a job, but not this folder.

    Files of another repository, and files that are no longer wanted, are removed.
    """
    work = Path(f"{out}.partial")
    mark, files = work / "source", work / "files"
    if work.exists() and not (mark.is_file() and mark.read_text("utf-8") == supply.key):
        print(f"{work}: of another source; removed", file=sys.stderr)
        remove(work)
    write_text(mark, supply.key)
    files.mkdir(exist_ok=True)
    kept = {*wanted, *(f"{name}{INCOMPLETE}" for name in wanted)}
    for path in list(files.rglob("*")):
        if path.is_file() and path.relative_to(files).as_posix() not in kept:
            remove(path)
    return files


def finish(out: Path, subfolder: str | None) -> None:
    """Give the model its final name.

    Snakemake removes the output of a killed or failed job, and hashing it for the job's record
    takes a while: until the job has succeeded, the files stay in the work folder too (hard links).
    """
    files = Path(f"{out}.partial") / "files" / (subfolder or "")
    try:
        with atomic_path(out) as temporary:
            shutil.copytree(files, temporary, copy_function=os.link)
    except (OSError, shutil.Error):  # a file system without hard links
        replace(files, out)


def remove_work(out: str | Path) -> None:
    """Remove the work folder of a model, if there is one: its job has succeeded."""
    remove(f"{out}.partial")
