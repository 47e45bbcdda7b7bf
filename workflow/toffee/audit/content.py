"""Tier bytes: every file that a job wrote is there and what it was, and no other file is."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.provenance.attestation import FILE as ATTESTATION
from toffee.provenance.digests import parse_json
from toffee.provenance.kept import kept_text
from toffee.provenance.listing import InOrder, walk
from toffee.provenance.paths import (
    BENCHMARKS,
    CONFIGS,
    LISTING,
    LOGS,
    RECORDS,
    SHARED,
    SOURCES,
    STARTED,
)
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.provenance.temporary import removed
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import TEMPORARY, file_digest, kind_of
from toffee.runtime.progress import progress

BY_PRODUCTS = (LOGS, BENCHMARKS)
"""Folders that Snakemake and the jobs' logs fill. A benchmark is checked where a table read it."""

TIER = "bytes"

BATCH = 10_000
"""Files that wait for their turn at a time: there may be millions."""


def check_bytes(results: Results, notes: Notes | None = None) -> list[Finding]:
    """Hash every file of the records, of any size, and name files that no record knows.

    Temporary files that are gone are counted.

    notes: takes how many there are.
    """
    gone = removed(results)
    outputs = [(r, p) for r in results.records.values() for p in r.outputs if p not in gone]
    total = sum(r.outputs[p].files is None or results.count(r, p) for r, p in outputs)
    # hashlib lets go of the interpreter's lock: threads read side by side.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = (file for file in results.files() if file[0] not in gone)
        batches = iter(lambda: list(islice(files, BATCH)), [])
        checks = (one for batch in batches for one in pool.map(partial(_check, results), batch))
        shown = progress(checks, total=total, desc="audit: hash", unit="file")
        findings = [finding for finding in shown if finding]
    findings += _by_products(results)
    if notes:
        size = sum(made.size for record, path in outputs for made in [record.outputs[path]])
        notes.add(f"bytes: {total} files of {size / 1e6:,.1f} MB, hashed")
        if gone:
            was = sum(
                r.outputs[p].size for r in results.records.values() for p in gone & {*r.outputs}
            )
            notes.add(
                f"bytes: not checked, removed once they were read (synthesis.keep_stages): "
                f"{len(gone)} temporary files of {was / 1e6:,.1f} MB"
            )
    return findings + list(_unknown(results) if results.whole else [])


def _check(results: Results, file: tuple[str, str, int, Record]) -> Finding | None:
    path, sha256, size, _ = file
    place = results.place(path)
    if outside := _outside(results, place):
        return Finding(TIER, path, "a file of this folder", outside)
    difference = _check_file(place, sha256, size)
    return Finding(TIER, path, *difference) if difference else None


def _outside(results: Results, place: Path) -> str:
    """Where a link leads out of the results folder to; "" where it does not."""
    base, real = os.path.realpath(results.folder), os.path.realpath(place)
    return "" if real == base or real.startswith(f"{base}/") else f"a link to {real}"


def _irregular(place: Path) -> str:
    """What stands in the place of a file; "" for a file."""
    try:
        mode = place.stat().st_mode
    except OSError as error:  # a link that leads nowhere
        return f"a link that cannot be followed ({error.strerror})"
    return "" if stat.S_ISREG(mode) else kind_of(mode)


def _check_file(place: Path, sha256: str, size: int) -> tuple[str, str] | None:
    """What was expected and found, where they differ."""
    if not place.is_file():
        return f"a file with SHA-256 {sha256[:16]}…", "no such file"
    now = place.stat().st_size
    if now != size:
        return f"{size} bytes", f"{now} bytes"
    digest = file_digest(place)
    if digest != sha256:
        return f"SHA-256 {sha256[:16]}…", f"{digest[:16]}…"
    return None


def _by_products(results: Results) -> Iterator[Finding]:
    """Benchmarks that a job read: what it read is what is there."""
    benchmarks = {record.benchmark for record in results.records.values()}
    for record in results.records.values():
        for path, read in record.inputs.items():
            if path not in benchmarks:
                continue
            place = results.place(path)
            difference = _check_file(place, read.sha256, read.size)
            if difference:
                expected, found = difference
                yield Finding(TIER, path, f"{expected}, which {record.job} read", found)


def _unknown(results: Results) -> Iterator[Finding]:
    """Files of the folder that no record and no pointer accounts for."""
    outputs = [(path, r) for r in results.records.values() for path in r.outputs]
    folders = {path for path, record in outputs if record.outputs[path].files is not None}
    listed = {p: record for p, record in outputs if isinstance(record.outputs[p].files, str)}
    known = {path for path, _ in outputs} - folders
    for path, record in outputs:
        if path not in listed:
            known.update(f"{path}/{name}" for name, _ in results.files_of(record, path))
    # What another job read, but no record says who wrote, is a gap in the graph: it is named there.
    known.update(path for record in results.records.values() for path in record.inputs)
    for path, record in listed.items():
        yield from _unlisted(results, record, path, known)
    found = (results.listing(record, path) for path, record in listed.items())
    listings = {listing.place for listing in found if listing}
    for below in _walk(results.folder, {results.place(path) for path in listed}):
        place = results.folder / below
        aside = below.parts[0] in BY_PRODUCTS or below.as_posix() == ATTESTATION
        path = f"{results.root}/{below.as_posix()}"
        if path not in known and (odd := _outside(results, place) or _irregular(place)):
            yield Finding(TIER, path, "files that a job wrote", odd)
        elif aside or TEMPORARY.match(place.name):
            continue
        elif below.parts[0] == RECORDS:
            if not _is_record(results, below, listings):
                yield Finding(TIER, path, "records of jobs alone", "an unknown file")
        elif path not in known and not (
            place.name == ".snakemake_timestamp" and str(Path(path).parent) in folders
        ):
            yield Finding(TIER, path, "files that a job wrote", "an unknown file")


def _unlisted(results: Results, record: Record, folder: str, known: set[str]) -> Iterator[Finding]:
    """Files of a folder of many that are not in the list beside its record."""
    place, listing = results.place(folder), results.listing(record, folder)
    if not place.is_dir() or listing is None or listing.place in results.broken:
        return
    listed = InOrder(results.files_of(record, folder))
    for name in walk(place, links=False):
        path = f"{folder}/{name}"
        unknown = listed.get(name) is None and path not in known
        if unknown and not TEMPORARY.match(Path(name).name):
            found = _outside(results, place / name) or "an unknown file"
            yield Finding(TIER, path, "files that a job wrote", found)


def _walk(folder: Path, but: set[Path]) -> list[Path]:
    """All files below a folder but for those in some folders, and links to folders; relative."""
    places = []
    for where, folders, names in os.walk(folder):
        links = [name for name in folders if Path(where, name).is_symlink()]
        folders[:] = [name for name in folders if Path(where, name) not in but]
        places += [Path(where, name).relative_to(folder) for name in (*names, *links)]
    return sorted(places)


def _is_kept_text(results: Results, below: Path) -> bool:
    """Whether a file is a text that a job kept: an object of JSON by the name of its digest. No
    record names it any more where all jobs of a command line have run again."""
    try:
        content = parse_json(kept_text(results.folder, below.stem, below.parts[1]), below)
    except ToffeeError:
        return False
    return isinstance(content, dict) and below.name == f"{below.stem}.json"


def _is_record(results: Results, below: Path, listings: set[Path]) -> bool:
    """Whether a file below `records` is a record, a pointer, a job's mark, or kept for records."""
    name = below.relative_to(RECORDS).as_posix()
    unreadable = {path for path, *_ in results.problems}
    if below.parts[1] in (CONFIGS, SHARED):
        if len(below.parts) != 3 or below.suffix != ".json":
            return False
        return (below.parts[1], below.stem) in results.shared or _is_kept_text(results, below)
    if name in results.earlier:
        return True
    return (
        name in results.records
        or name in results.pointers
        or (below.parts[1] == SOURCES and below.suffix in (".json", LISTING))
        or name.endswith(f".json{STARTED}")
        or results.folder / below in unreadable | listings
    )
