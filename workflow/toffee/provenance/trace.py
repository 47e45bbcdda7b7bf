"""The chain from a file, or from a number of a table, to the downloads that it comes from."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toffee.provenance.digests import read_text, summary
from toffee.provenance.paths import RECORDS
from toffee.provenance.results import Results
from toffee.provenance.schema import Record
from toffee.provenance.temporary import removed
from toffee.runtime.errors import ToffeeError

DIGITS = 16
"""Of a digest in the tree; JSON has all of them."""

NOT_SHOWN = ("code", "digests", "lock", "source", "zoo")
"""Params that are no values of the configuration; JSON has them."""


def trace(results: Results, file: str) -> dict[str, Any]:
    """The jobs that a file was made by, as nested dictionaries.

    Each file has path, sha256, size; where a job wrote it, job, params, seed, commit, changed
    (whether the checkout differed from it), code, start, end, seconds, cpu_seconds, gpu_seconds and
    inputs, which are files again. A file that
    stands elsewhere in the tree already has `above: true` instead of its own chain, one that was
    removed once it was read has `removed: true`.

    Raises:
        ToffeeError: no record knows the file, or it is not what its job wrote.
    """
    path = results.written(file)
    record = results.producer(path)
    if record is None:
        raise ToffeeError(_not_made(results, file, path))
    place, gone = results.place(path), removed(results)
    if path not in gone:  # else the records of those that read it have the digest
        if not place.exists():
            raise ToffeeError(f"{path}: no such file, expected what {record.job} wrote")
        made = results.made(record, path)
        if made is None or summary(place)["sha256"] != made.sha256:
            raise ToffeeError(f"{path}: not the file that {record.job} wrote, see toffee audit")
    _require_seals(results, record)
    return _file(results, path, record, set(), gone)


def _not_made(results: Results, file: str, path: str) -> str:
    """The line for what no job wrote: what else the user may have meant."""
    if path == results.root:
        return f"{file}: a results folder, expected a file below it, or a table, method and metric"
    if Path(table_path(results, file)).is_file():
        return f"{file}: a table, expected a method and a metric after it, or its file"
    return f"{path}: no record of a job that wrote it in {results.folder}"


def _require_seals(results: Results, record: Record) -> None:
    """Raise ToffeeError where a record of the chain does not hold: it proves nothing then."""
    problems = {str(place): (expected, found) for place, expected, found in results.problems}
    for one in results.ancestors(record):
        place = results.folder / RECORDS / results.name_of(one)
        if str(place) in problems:
            expected, found = problems[str(place)]
            raise ToffeeError(f"{place}: expected {expected}, found {found}; see toffee audit")


def _file(
    results: Results, path: str, record: Record, seen: set[str], gone: set[str]
) -> dict[str, Any]:
    made = results.made(record, path)
    if made is None:
        raise ToffeeError(f"{path}: not among the files that {record.job} wrote")
    tree: dict[str, Any] = {
        "path": path,
        "sha256": made.sha256,
        "size": made.size,
        "job": record.job,
    }
    if path in gone:
        tree["removed"] = True
    if record.sha256 in seen:
        return tree | {"above": True}
    seen.add(record.sha256)
    tree |= {
        "params": record.params,
        "seed": record.seed,
        "commit": record.git.commit,
        "changed": record.git.changed,
        "code": record.code.sha256,
        "start": record.start.isoformat(),
        "end": record.end.isoformat(),
        "seconds": record.seconds,
        "cpu_seconds": record.cpu_seconds,
        "gpu_seconds": record.gpu_seconds,
    }
    inputs = []
    for name, read in record.inputs.items():
        before = results.producer(name)
        if before is None:
            inputs.append({"path": name, "sha256": read.sha256, "size": read.size})
        else:
            inputs.append(_file(results, name, before, seen, gone))
    return tree | {"inputs": inputs}


def cell(results: Results, table: str, method: str, metric: str) -> list[dict[str, Any]]:
    """The rows of a table with a method and a metric: setting, value, stderr, n, source.

    The minus sign between two methods may be the hyphen that keyboards have.

    Raises:
        ToffeeError: there is no such table, method or metric; the line lists what there is.
    """
    path = results.folder / "tables" / f"{table}.csv"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in path.parent.glob("*.csv"))) or "none"
        raise ToffeeError(f"no table {table} in {path.parent}, expected one of: {known}")
    header, *lines = list(csv.reader(io.StringIO(read_text(path), newline=""))) or [[]]
    rows = [dict(zip(header, line, strict=False)) for line in lines if line]
    for column, wanted in (("method", method), ("metric", metric)):
        if column not in header:
            raise ToffeeError(f"{path}: no column {column!r}")
        known = ", ".join(dict.fromkeys(row.get(column, "") for row in rows))
        rows = [row for row in rows if _typed(row.get(column, "")) == _typed(wanted)]
        if not rows:
            raise ToffeeError(f"{path}: no {column} {wanted!r}, expected one of: {known}")
    return [{name: _number(text) for name, text in row.items()} for row in rows]


def _typed(name: str) -> str:
    """A name as one types it: tables have "A − B" with the minus sign (U+2212)."""
    return name.replace("\N{MINUS SIGN}", "-")


def _number(text: str) -> str | float:
    """What a cell of a table says, as a number where it is one."""
    try:
        value = float(text)
    except ValueError:
        return text
    return (int(value) if text.isdecimal() else value) if math.isfinite(value) else text


def tree_lines(tree: dict[str, Any], indent: str = "") -> Iterator[str]:
    """The chain as a tree for people, one line per file and per job."""
    gone = ", removed once it was read" if tree.get("removed") else ""
    yield f"{tree['path']}  sha256 {tree['sha256'][:DIGITS]}…  {size_text(tree['size'])}{gone}"
    below = f"{indent}   "
    if tree.get("above"):
        yield f"{below}by {tree['job']}, see above"
        return
    if "job" not in tree:
        return
    params = {k: v for k, v in tree["params"].items() if k not in NOT_SHOWN}
    values = ", ".join(f"{name} = {value}" for name, value in params.items()) or "no values"
    yield f"{below}by {tree['job']}  {commit_text(tree)}  {tree['start'][:19]}Z  {cost_text(tree)}"
    yield f"{below}with {values}"
    inputs = tree["inputs"]
    for place, one in enumerate(inputs):
        last = place == len(inputs) - 1
        lines = tree_lines(one, f"{indent}   " if last else f"{indent}│  ")
        yield f"{indent}{'└─ ' if last else '├─ '}{next(lines)}"
        yield from lines


def cost_text(tree: Mapping[str, Any]) -> str:
    """What a job took."""
    times = ("", "seconds"), ("CPU ", "cpu_seconds"), ("GPU ", "gpu_seconds")
    return ", ".join(f"{name}{tree[key]:.1f} s" for name, key in times)


def commit_text(tree: Mapping[str, Any]) -> str:
    """The commit that a job ran from, and whether the checkout differed from it."""
    commit = (tree["commit"] or "no git")[:10]
    return f"commit {commit}{' + changes' if tree['changed'] else ''}"


def size_text(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def table_path(results: Results, table: str) -> str:
    """A table's file, as a user would name it."""
    return str(Path(results.folder, "tables", f"{table}.csv"))
