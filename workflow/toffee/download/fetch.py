"""Fetch a model from the hub, a mirror or a folder, and compare its files with the lock.

A source may have alternatives, other forms of the same weights: the next one is tried where a
repository lacks a file that is asked for. The lock keeps which one was taken, and later downloads
take that one alone.

The first download writes the digests into the lock (see `lock`). A mirror is used only if the
repository is gone, and must serve exactly the locked files; if it fails, the next mirror is tried.
If nothing is locked yet, a mirror's files are accepted and locked, with a warning that they could
not be compared.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import TypeVar

from toffee.config.models import DEFAULT_REVISION, HubFiles, HubPlace
from toffee.download.hub import (
    Gone,
    Lacking,
    RemoteFile,
    Repository,
    choose,
    is_wanted,
    look_into,
    look_up,
    patterns,
)
from toffee.download.lock import Entry, SourceLock
from toffee.download.space import require_space
from toffee.download.transfer import INCOMPLETE, MIB, fetch_file, mebibytes, missing_bytes
from toffee.download.weights import build_model, is_rewritten
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import (
    DiskFull,
    atomic_path,
    disk_full_as_error,
    file_digest,
    remove,
    write_text,
)
from toffee.runtime.progress import progress
from toffee.runtime.project import PROJECT

T = TypeVar("T")


class Refused(ToffeeError):
    """A repository serves other bytes than the locked ones."""


def fetch_from_hub(role: str, source: HubFiles, lock_path: str | Path, out: str | Path) -> None:
    """Fetch a model into its final folder, from the first of its places that has it.

    Args:
        role: what the model is for; used in messages.
        source: where it is, with its alternatives.
        lock_path: the lock file; what it lacks is added.
        out: the model's folder. The files are in `<out>.partial` too, until `remove_work`.

    Raises:
        ToffeeError: no place has the model, one serves other bytes than the locked ones, or the
            disk has no room.
    """

    def fetch_here(place: HubPlace) -> None:
        fetch_place(role, place, lock_path, out)

    def say(problem: str, place: HubPlace) -> None:
        where = f"{place.repo} at {place.revision or DEFAULT_REVISION}"
        print(f"warning: {role}: {problem}; trying {where}", file=sys.stderr)

    first_place(source, lock_path, fetch_here, say)


def look_for(source: HubFiles, lock_path: str | Path) -> tuple[Repository, dict[str, RemoteFile]]:
    """The repository that a download would take a model from, and the files that it would fetch.

    Nothing is fetched, but for the list of files.

    Raises:
        ToffeeError: as in `fetch_from_hub`.
    """

    def look_here(place: HubPlace) -> tuple[Repository, dict[str, RemoteFile]]:
        lock = SourceLock(lock_path, place.repo, place.revision)
        return first_supply(
            place, lock, lambda supply: (supply, wanted_files(place, lock, supply))
        )[1]

    return first_place(source, lock_path, look_here)


def first_place(
    source: HubFiles,
    lock_path: str | Path,
    use: Callable[[HubPlace], T],
    say: Callable[[str, HubPlace], None] = lambda problem, place: None,
) -> T:
    """What `use` gives for the first place of a model that has it; `say` hears why another one is
    tried.

    Raises:
        ToffeeError: no place has it, or `use` fails otherwise.
    """
    problems: list[str] = []
    for place in in_order(source, lock_path):
        if problems:
            say(problems[-1], place)
        try:
            return use(place)
        except Lacking as error:
            problems.append(str(error))
    raise ToffeeError("; ".join(problems))


def in_order(source: HubFiles, lock_path: str | Path) -> list[HubPlace]:
    """The places of a model to try: the one that the lock has alone, so that another machine takes
    the same; before a first download all, those first that a folder of this machine has."""
    for place in source.candidates:
        lock = SourceLock(lock_path, place.repo, place.revision)
        if any(is_wanted(name, place) for name in lock.files(lock.key or "")):
            return [place]
    return sorted(source.candidates, key=lambda place: local_folder(place) is None)


def local_folder(place: HubPlace) -> Path | None:
    """A place's folder on this machine, where it is there."""
    folder = PROJECT / place.folder if place.folder else None
    return folder if folder is not None and folder.is_dir() else None


def fetch_place(role: str, source: HubPlace, lock_path: str | Path, out: str | Path) -> None:
    """Fetch a model from one place, or else from its mirrors.

    Raises:
        Lacking: neither has it.
        ToffeeError: as in `fetch_from_hub`.
    """
    lock = SourceLock(lock_path, source.repo, source.revision)

    def fetch_here(supply: Repository) -> dict[str, Entry]:
        warn(role, source, lock, supply)
        return fetch(role, source, lock, supply, Path(out))

    supply, files = first_supply(source, lock, fetch_here)
    finish(source, lock, supply, files, Path(out))


def first_supply(
    source: HubPlace, lock: SourceLock, use: Callable[[Repository], T]
) -> tuple[Repository, T]:
    """The repository of a place, or else the first of its mirrors, of which `use` gives something;
    and what it gives.

    Raises:
        Lacking: there is none.
        ToffeeError: the place's own repository is there, and fails.
    """
    problems: list[str] = []
    for repo, revision in candidates(source, lock):
        is_mirror = bool(problems)  # the first candidate is the source itself
        try:
            supply = find(repo, revision, source, lock, is_mirror)
            return supply, use(supply)
        except DiskFull:
            raise
        except ToffeeError as error:
            if not is_mirror and not isinstance(error, Gone):
                raise  # a mirror replaces only a repository that is gone
            what = f"mirror {repo} {'is refused' if isinstance(error, Refused) else 'fails'}: "
            problems.append(f"{what if is_mirror else ''}{error}")
    raise Lacking("; ".join(problems))


def find(
    repo: str, revision: str | None, source: HubPlace, lock: SourceLock, is_mirror: bool
) -> Repository:
    """A repository of a source: in its folder on this machine, if there is one, else on the hub."""
    folder = None if is_mirror else local_folder(source)
    if folder is None:
        return look_up(repo, revision, patterns(source))
    if lock.key is None:
        raise ToffeeError(
            f"{repo}: folder {folder} stands for one commit, expected a revision of 40 digits"
        )
    return look_into(folder, repo, lock.key.partition("@")[2])


def candidates(source: HubPlace, lock: SourceLock) -> Iterator[tuple[str, str | None]]:
    """Repositories and revisions to try in order: the source at its locked commit, then its
    mirrors."""
    owner, _, commit = (lock.key or "").partition("@")
    yield source.repo, commit if owner == source.repo else source.revision
    for mirror in source.mirrors:
        yield mirror.repo, mirror.revision


def warn(role: str, source: HubPlace, lock: SourceLock, supply: Repository) -> None:
    """Warn if a mirror or a folder is used, or if a branch or tag is locked to a commit."""
    compared = (
        f"its bytes must be those of {lock.path}"
        if lock.files(supply.key)
        else f"nothing in {lock.path} could be compared with it"
    )
    if supply.folder is not None:
        say = f"{supply.key} is read from {supply.folder}; {compared}"
        print(f"warning: {role}: {say}", file=sys.stderr)
    if supply.repo != source.repo:
        say = f"{source.repo} is not available, using its mirror {supply.key}; {compared}"
        print(f"warning: {role}: {say}", file=sys.stderr)
    if lock.key is None:
        say = f"{lock.revision} is no commit: locked to {supply.key} in {lock.path}"
        print(f"warning: {role}: {say}", file=sys.stderr)


def fetch(
    role: str, source: HubPlace, lock: SourceLock, supply: Repository, out: Path
) -> dict[str, Entry]:
    """Fetch a source's files from one repository into `<out>.partial` and compare each of them.

    Returns:
        Digests and sizes of the files, by path in the repository.

    Raises:
        Refused: the repository does not hold the locked files.
        ToffeeError: a file is missing or cannot be had, or the disk has no room.
    """
    wanted = wanted_files(source, lock, supply)
    with disk_full_as_error(out):
        folder = work_folder(out, supply, wanted)
        rest = sum(missing_bytes(file, folder / name) for name, file in wanted.items())
        rewritten = sum(one.size for name, one in wanted.items() if is_rewritten(name, source))
        require_space(folder, rest + rewritten)
        entries: dict[str, Entry] = {}
        received = receive(lock, supply, wanted, folder, entries)
        for _ in progress(mebibytes(received), ceil(rest / MIB), f"download {role}", "MiB"):
            pass
    return entries


def wanted_files(source: HubPlace, lock: SourceLock, supply: Repository) -> dict[str, RemoteFile]:
    """The files that a source wants of a repository, by path in the repository.

    Raises:
        Refused: the repository does not hold the locked files, or lists other digests of them.
        Lacking: a file is missing.
    """
    locked = [name for name in lock.files(supply.key) if is_wanted(name, source)]
    for name in locked:
        if name not in supply.files:
            raise Refused(f"{supply.key} holds no {name}, which {lock.path} has")
    if locked and (supply.repo != source.repo or supply.folder is not None):
        # Other files of a mirror or a folder are not wanted: no lock vouches for them.
        supply = dataclasses.replace(supply, files={name: supply.files[name] for name in locked})
    wanted = choose(supply, source)
    for name, file in wanted.items():
        if file.sha256 is not None:
            check(lock, supply, name, file.sha256)  # before its gigabytes are fetched
    return wanted


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


def finish(
    source: HubPlace, lock: SourceLock, supply: Repository, files: Mapping[str, Entry], out: Path
) -> None:
    """Put the model together, lock what it is made of, and give it its final name.

    Snakemake removes the output of a killed or failed job, and hashing it for the job's record
    takes a while: until the job has succeeded, the files stay in the work folder too (hard links).

    Raises:
        Lacking: weights are not what the source says (see `build_model`).
        Refused: what is written of them is not what the lock has.
    """
    fetched = Path(f"{out}.partial") / "files" / (source.subfolder or "")
    with disk_full_as_error(out), atomic_path(out) as temporary:
        temporary.mkdir()
        names = build_model(source, fetched, temporary)
        paths = {name: temporary / name for name in names}
        written = {
            name: Entry(sha256=file_digest(path), size=path.stat().st_size)
            for name, path in paths.items()
        }
        for name, locked in lock.written(supply.key).items():
            if name in written and written[name] != locked:
                raise Refused(
                    f"{name}, written of the weights of {supply.key}, has SHA-256 "
                    f"{written[name].sha256}, expected {locked.sha256} as {lock.path} has it"
                )
        lock.record(supply.key, files, written)


def remove_work(out: str | Path) -> None:
    """Remove the work folder of a model, if there is one: its job has succeeded."""
    remove(f"{out}.partial")
