"""A check of tier graph: the checkout and the packages that ran are those that are declared."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from hashlib import sha256
from typing import TypeVar

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.provenance.machine import LOCK, LONGEST_DIFF, normal, pins
from toffee.provenance.paths import RECORDS, SHARED
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest
from toffee.runtime.project import PROJECT

TIER = "graph"
Key = TypeVar("Key", bound=Hashable)


def check_surroundings(results: Results, notes: Notes) -> Iterator[Finding]:
    """The checkout and the packages that ran are those that are declared, once for each state."""
    yield from _checkouts(results, notes)
    yield from _packages(results)
    lock = PROJECT / LOCK
    digest = file_digest(lock) if lock.is_file() else None
    for (found,), names in _by(results, lambda r: (r.environment.lock,)).items():
        if found != digest:
            expected = f"{LOCK} with SHA-256 {str(digest)[:16]}…, as the checkout has it"
            yield _of(names, expected, f"{str(found)[:16]}…")


def _checkouts(results: Results, notes: Notes) -> Iterator[Finding]:
    """Nobody else has the changes of a checkout that was not committed."""
    unknown = 0
    for (changed, diff, kept), names in _by(
        results, lambda r: (r.git.changed, r.git.diff, r.git.changes)
    ).items():
        unknown += len(names) if changed is None else 0
        if not changed and (diff or kept):
            yield _of(names, "no changes of a checkout that had none", str(diff or kept))
        if changed:
            where = f", {RECORDS}/{SHARED}/{kept}.json" if kept else ", which nothing kept"
            digest = f" with SHA-256 {diff[:16]}…" if diff else ""
            yield _of(names, "a checkout without changes", f"changes{digest}{where}")
        if kept:
            yield from _broken(results, kept, diff)
    if unknown:
        notes.add(f"jobs of a checkout without git, known by the digest of their code: {unknown}")


def _broken(results: Results, kept: str, diff: str | None) -> Iterator[Finding]:
    try:
        content = results.kept(kept, "the changes of a checkout")
    except ToffeeError as error:
        yield Finding(
            TIER, f"{RECORDS}/{SHARED}/{kept}.json", "the changes of a checkout", str(error)
        )
        return
    text = str(content.get("diff"))
    whole = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if content.get("sha256") != diff or (len(text) < LONGEST_DIFF and whole != diff):
        expected = f"changes with SHA-256 {str(diff)[:16]}…"
        yield Finding(TIER, f"{RECORDS}/{SHARED}/{kept}.json", expected, f"{whole[:16]}…")


def _packages(results: Results) -> Iterator[Finding]:
    """A package that is not the pinned one was changed by hand."""
    lock = PROJECT / LOCK
    pinned = pins(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    for (kept,), names in _by(results, lambda r: (r.environment.installed,)).items():
        try:
            packages = results.kept(kept, "the installed packages")
        except ToffeeError as error:
            path = f"{RECORDS}/{SHARED}/{kept}.json"
            yield Finding(TIER, path, "the installed packages", str(error))
            continue
        for name, found in packages.items():
            version = str(found[0]) if isinstance(found, list) and found else str(found)
            wanted = pinned.get(normal(name))
            if wanted is not None and version.partition("+")[0] != wanted:
                yield _of(names, f"{name} {wanted}, as {LOCK} pins it", version)
        for name in sorted(pinned.keys() - {normal(one) for one in packages}):
            yield _of(names, f"{name} {pinned[name]}, as {LOCK} pins it", "not installed")


def _by(results: Results, key: Callable[[Record], Key]) -> dict[Key, list[str]]:
    """Records by something that many have in common."""
    groups: dict[Key, list[str]] = defaultdict(list)
    for name, record in results.records.items():
        groups[key(record)].append(name)
    return groups


def _of(names: list[str], expected: str, found: str) -> Finding:
    """One finding for all jobs that have it in common."""
    more = f" (and {len(names) - 1} more jobs)" if names[1:] else ""
    return Finding(TIER, f"{RECORDS}/{names[0]}", expected, found + more)
