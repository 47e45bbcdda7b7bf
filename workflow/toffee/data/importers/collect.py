"""Import a source item by item, and resume after a kill.

The work folder holds the imported files and a journal with one line per item, written after the
item's files. The next attempt tries unusable items again, because the source may have been
repaired; items that are drawn in batches are not tried again.
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

from toffee.data.faults import COLUMNS, Fault, SetAside, summary
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, remove, replace, write_text
from toffee.runtime.progress import progress
from toffee.runtime.signals import stop_if_interrupted
from toffee.storage.work_folder import Alone, work_folder

QUARANTINE = "quarantine.csv"
_CHUNK = 64  # items between two checks for SIGTERM


@dataclass(frozen=True)
class Made:
    """The result of one item: files by path, a row of the tables, and what was set aside.

    An item without files is unusable.
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
        items: in the order of preference. A list is worked on in the order of the items' `origin`,
            so that neighbouring files are read together.
        make: turns some items into files and rows, in their order (see `each`).
        tables: CSV files to write, one row per item, sorted.
        faults: what was set aside before.
        limit: usable items at most; None: all.
        inputs: files and folders that the result depends on by their content.
        settings: what else it depends on; an import with other settings does not resume.
        what: the items' name in the plural.
        batch: size of the batches in which items are drawn, always the same ones, because a result
            may depend on its batch. None: results do not depend on each other.

    Raises:
        ToffeeError: no item is usable; nothing is written then.
    """
    with work_folder(out, inputs, settings, Alone()) as folder:
        work = _Work(folder, list(faults))
        for some in _rounds(items, limit, work):
            if isinstance(items, list) and batch is None:
                some.sort(key=lambda item: (getattr(item, "origin", ""), item.name))
            work.run(make, some, batch, what)
        rows, aside = work.rows(), work.faults()
        if not rows:
            raise ToffeeError(_nothing(out, what, aside))
        for name, columns in tables.items():
            _write_table(work.content / name, columns, rows)
        _write_table(work.content / QUARANTINE, COLUMNS, map(asdict, aside))
        work.tidy({*tables, QUARANTINE})
        replace(work.content, Path(out))
    print(f"{len(rows)} {what}, {summary(aside)}", file=sys.stderr)


def each(
    make: Callable[[Item], Made], threads: int = 1
) -> Callable[[Sequence[Item]], Iterable[Made]]:
    """Make items one by one, in threads. An item that raises `SetAside` is unusable."""

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
        for line in _lines(self.journal):
            try:
                entry = json.loads(line)
                self.known[entry["name"]] = entry
            except ValueError:
                break  # a kill cut this line off: it is the last one
        # Rewritten, so that the next line does not follow a cut-off one.
        write_text(self.journal, "".join(_line(entry) for entry in self.known.values()))

    def take(self, item: Item) -> Item:
        self.taken.append(item.name)
        return item

    def entries(self) -> list[dict]:
        """Journal entries of this run's items that are done."""
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

    def run(
        self,
        make: Callable[[Sequence[Item]], Iterable[Made]],
        items: list[Item],
        batch: int | None,
        what: str,
    ) -> None:
        """Make the items that are not in the journal yet, and add them to it."""
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
        """Remove files of unfinished items, and of items that this run does not use."""
        keep = keep | {file for entry in self.entries() for file in entry["files"]}
        for path in sorted(self.content.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(self.content).as_posix() not in keep:
                remove(path)


def _rounds(items: Iterable[Item], limit: int | None, work: _Work) -> Iterator[list[Item]]:
    """The items in their order, at most as many at once as may still be needed."""
    left = iter(items)
    while True:
        # Streamed items hold their bytes, so only a few of them fit into memory.
        wanted = len(items) if isinstance(items, list) else 4 * _CHUNK
        if limit is not None:
            wanted = min(wanted, limit - work.usable())
        some = [work.take(item) for item in islice(left, max(0, wanted))]
        if not some:
            return
        yield some


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry) + "\n"  # in ASCII, so that a kill cuts no letter into two


def _lines(journal: Path) -> list[str]:
    """The lines of a journal, of which a kill, of an earlier version too, may have cut the last.

    They end at line feeds alone: a text may hold other characters that end lines (U+2028).
    """
    text = journal.read_text("utf-8", errors="replace") if journal.exists() else ""
    return text.removesuffix("\n").split("\n") if text else []


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
