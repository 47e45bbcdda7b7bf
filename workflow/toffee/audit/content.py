"""Tier bytes: every file that a job wrote is there and what it was, and no other file is."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toffee.audit.findings import Finding
from toffee.files import TEMPORARY, file_digest
from toffee.progress import progress
from toffee.provenance.digests import describe
from toffee.provenance.paths import BENCHMARKS, CONFIGS, LOGS, RECORDS, SOURCES, STARTED
from toffee.provenance.results import Results

BY_PRODUCTS = (LOGS, BENCHMARKS)
"""Folders that Snakemake and the jobs' logs fill. A benchmark is checked where a table read it."""

TIER = "bytes"


def check_bytes(results: Results) -> list[Finding]:
    """Hash every file of the records, of any size, and name files that no record knows."""
    files = list(results.files())
    # hashlib lets go of the interpreter's lock: threads read side by side.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        places = [results.place(path) for path, *_ in files]
        checks = pool.map(_check_file, places, *zip(*((s, n) for _, s, n, _ in files), strict=True))
        checks = progress(checks, total=len(files), desc="audit: hash", unit="file")
        findings = [
            Finding(TIER, path, *difference)
            for (path, *_), difference in zip(files, checks, strict=True)
            if difference
        ]
    findings += _by_products(results)
    return findings + list(_unknown(results) if results.whole else [])


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
            found = describe(place)["sha256"] if place.exists() else ""
            if found != read.sha256:
                expected = f"SHA-256 {read.sha256[:16]}…, which {record.job} read"
                yield Finding(TIER, path, expected, f"{found[:16]}…" if found else "no such file")


def _unknown(results: Results) -> Iterator[Finding]:
    """Files of the folder that no record and no pointer accounts for."""
    known = {path for path, *_ in results.files()}
    outputs = (pair for record in results.records.values() for pair in record.outputs.items())
    folders = {path for path, made in outputs if made.files is not None}
    # What another job read, but no record says who wrote, is a gap in the graph: it is named there.
    read = {path for record in results.records.values() for path in record.inputs}
    for below in _walk(results.folder):
        place = results.folder / below
        if below.parts[0] in BY_PRODUCTS or TEMPORARY.match(place.name):
            continue
        path = f"{results.root}/{below.as_posix()}"
        if below.parts[0] == RECORDS:
            if not _is_record(results, below):
                yield Finding(TIER, path, "records of jobs alone", "an unknown file")
        elif path not in known | read and not (
            place.name == ".snakemake_timestamp" and str(Path(path).parent) in folders
        ):
            yield Finding(TIER, path, "files that a job wrote", "an unknown file")


def _walk(folder: Path) -> list[Path]:
    """All files below a folder, relative, also those in linked folders."""
    found = os.walk(folder, followlinks=True)
    places = (Path(where, name) for where, _, names in found for name in names)
    return sorted(place.relative_to(folder) for place in places)


def _is_record(results: Results, below: Path) -> bool:
    """Whether a file below `records` is a record, a pointer, a job's mark, or kept for records."""
    name = below.relative_to(RECORDS).as_posix()
    unreadable = {path for path, *_ in results.problems}
    if below.parts[1] == CONFIGS:
        return below.stem in {record.config for record in results.records.values()}
    return (
        name in results.records
        or name in results.pointers
        or (below.parts[1] == SOURCES and below.suffix == ".json")
        or name.endswith(f".json{STARTED}")
        or results.folder / below in unreadable
    )
