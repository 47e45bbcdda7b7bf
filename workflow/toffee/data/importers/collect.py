"""The import of a source, item by item: a killed one goes on where it stopped.

The work folder holds what was imported so far and a journal of it, a line an item, written after
the item's files. An item that was unusable is looked at again, because it may have been mended,
unless it is made here and not read.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from toffee.data.importers.faults import COLUMNS, Fault, SetAside, counted
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, remove, replace, write_text
from toffee.runtime.interruption import stop_if_interrupted
from toffee.runtime.progress import progress
from toffee.storage.work_folder import work_folder

QUARANTINE = "quarantine.csv"
_CHUNK = 64  # items between two looks at a signal


@dataclass(frozen=True)
class Made:
    """What an item became: its files by path, a row of the source's tables, what was set aside.

    Without files the item is unusable.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    row: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()


Item = Any  # with a `name` that no other item of the source has
Tables = Mapping[str, Sequence[str]]  # file → its columns, which are keys of the rows


def collect(
    out: str | Path,
    items: Iterable[Item],
    make: Callable[[Sequence[Item]], Iterable[Made]],
    tables: Tables,
    *,
    faults: Sequence[Fault] = (),
    limit: int | None,
    inputs: Sequence[str | Path] = (),
    settings: Mapping[str, Any],
    what: str,
    batch: int | None = None,
) -> None:
    """Import the first `limit` usable items of a source into a folder.

    The result depends on the order of the items, not on kills or the order of work.

    Args:
        out: folder to write: the files of every item, the tables, and `quarantine.csv`.
        items: in the order in which they are taken. Items of a list that have an `origin` are
            worked on in its order, so that what lies together is read together.
        make: turns some items into files and rows, in their order (see `each`).
        tables: CSV files to write, a row an item, sorted.
        faults: what was set aside before.
        limit: usable items at most; None: all.
        inputs: files and folders that the result depends on by their content.
        settings: what else it depends on, so that no import goes on from another one's work.
        what: what an item is called, in the plural.
        batch: items that are made together, always the same ones, because what becomes of one may
            depend on those beside it. None: any together.

    Raises:
        ToffeeError: no item is usable; nothing is written then.
    """
    with work_folder(out, inputs, settings) as folder:
        work = _Work(folder, list(faults))
        for some in _rounds(items, limit, work):
            if isinstance(items, list) and batch is None:
                some.sort(key=lambda item: (getattr(item, "origin", ""), item.name))
            work.through(make, some, batch, what)
        rows, aside = work.rows(), work.faults()
        if not rows:
            raise ToffeeError(_nothing(out, what, aside))
        for name, columns in tables.items():
            _write_table(work.content / name, columns, rows)
        _write_table(work.content / QUARANTINE, COLUMNS, map(asdict, aside))
        work.tidy({*tables, QUARANTINE})
        replace(work.content, Path(out))
    print(f"{len(rows)} {what}, {counted(aside)}", file=sys.stderr)


def each(
    make: Callable[[Item], Made], threads: int = 1
) -> Callable[[Sequence[Item]], Iterable[Made]]:
    """Make items one by one, in threads; what raises `SetAside` is unusable."""

    def tried(item: Item) -> Made:
        try:
            return make(item)
        except SetAside as aside:
            return Made(faults=[aside.fault])

    pool = ThreadPoolExecutor(threads)
    return lambda items: pool.map(tried, items)


class _Work:
    """The work folder: `content/` and the journal of its items."""

    def __init__(self, folder: Path, faults: list[Fault]) -> None:
        self.content, self.journal = folder / "content", folder / "journal.jsonl"
        self.unusable = faults
        self.content.mkdir(exist_ok=True)
        self.known: dict[str, dict] = {}  # by name, of this run's items or of older ones
        self.taken: list[str] = []
        for line in self.journal.read_text("utf-8").splitlines() if self.journal.exists() else []:
            try:
                entry = json.loads(line)
                self.known[entry["name"]] = entry
            except ValueError:
                break  # cut off in the middle: what follows was never written
        # Written anew, so that no line is added to one that was cut off.
        write_text(self.journal, "".join(_line(entry) for entry in self.known.values()))

    def take(self, item: Item) -> Item:
        self.taken.append(item.name)
        return item

    def entries(self) -> list[dict]:
        """Journal of the items that were taken and made."""
        return [self.known[name] for name in self.taken if name in self.known]

    def usable(self) -> int:
        return sum(bool(entry["files"]) for entry in self.entries())

    def rows(self) -> list[dict]:
        """Rows of the usable items, sorted by name."""
        usable = [entry for entry in self.entries() if entry["files"]]
        return [entry["row"] for entry in sorted(usable, key=lambda entry: entry["name"])]

    def faults(self) -> list[Fault]:
        """All that was set aside, sorted."""
        noted = [Fault(**fault) for entry in self.entries() for fault in entry["faults"]]
        return sorted({*self.unusable, *noted})

    def through(
        self,
        make: Callable[[Sequence[Item]], Iterable[Made]],
        items: list[Item],
        batch: int | None,
        what: str,
    ) -> None:
        """Make what is not known yet, and note it."""
        if batch is None:
            items = [item for item in items if item.name not in self.known]
        size = batch or _CHUNK
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        chunks = [some for some in chunks if any(item.name not in self.known for item in some)]
        with open(self.journal, "a", encoding="utf-8") as file:
            made = (pair for some in chunks for pair in self._together(make, some))
            total = sum(len(some) for some in chunks)
            for item, one in progress(made, total, what, "item") if total else ():
                if item.name not in self.known:
                    self._note(item.name, one, file, lasting=batch is not None)

    def _together(
        self, make: Callable[[Sequence[Item]], Iterable[Made]], some: Sequence[Item]
    ) -> Iterable[tuple[Item, Made]]:
        stop_if_interrupted(f"{len(self.known)} are done, the next attempt goes on from there")
        return zip(some, make(some), strict=True)

    def _note(self, name: str, made: Made, journal: TextIO, lasting: bool) -> None:
        if not made.files and not lasting:
            self.unusable += made.faults
            return
        for path, data in made.files.items():
            with atomic_path(self.content / path) as temporary:
                temporary.write_bytes(data)
        entry = {
            "name": name,
            "files": sorted(made.files),
            "row": dict(made.row),
            "faults": [asdict(fault) for fault in made.faults],
        }
        journal.write(_line(entry))
        journal.flush()
        self.known[name] = entry

    def tidy(self, keep: set[str]) -> None:
        """Remove files of items that were begun, or were taken before and are not any more."""
        keep = keep | {file for entry in self.entries() for file in entry["files"]}
        for path in sorted(self.content.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(self.content).as_posix() not in keep:
                remove(path)


def _rounds(items: Iterable[Item], limit: int | None, work: _Work) -> Iterator[list[Item]]:
    """The items in their order, no more at a time than may still be needed."""
    left = iter(items)
    while True:
        # What is streamed comes with its bytes, so that few of it fit into memory.
        wanted = len(items) if isinstance(items, list) else 4 * _CHUNK
        if limit is not None:
            wanted = min(wanted, limit - work.usable())
        some = [work.take(item) for item in islice(left, max(0, wanted))]
        if not some:
            return
        yield some


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _nothing(out: str | Path, what: str, faults: Sequence[Fault]) -> str:
    if not faults:
        return f"{out}: the source has no {what}, expected at least one"
    first = faults[0]
    return (
        f"{out}: none of the source's {what} is usable, e.g. {first.file}: {first.reason} "
        f"({first.detail}); expected at least one"
    )
