"""A results folder as its records tell it: which job wrote which file, from what.

Paths are written in records as the run saw them (`results/tiny/tables/views.csv`,
`config/prompts/tiny.yaml`), the folder itself may have been copied elsewhere since: `place` says
where a file is now.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from toffee.provenance.digests import parse_json
from toffee.provenance.kept import kept_path, kept_text
from toffee.provenance.listing import Listing, listing_path
from toffee.provenance.paths import CONFIGS, EARLIER, RECORDS, RESULTS, SHARED, record_path
from toffee.provenance.reading import Problem, read_record, record_files
from toffee.provenance.schema import File, Made, Read, Record
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PROJECT

TELLING = ("write_ledger", "write_crate", "write_verdict", "write_site")
"""Rules whose jobs tell of the records that are there at their time."""


class Results:
    """A results folder and its records.

    Attributes:
        folder: where it is.
        whole: whether all records count, see `only`.
        project: the checkout, for files of the repository.
        root: the folder as the paths of `records` have it.
        records: by path of the record file within `records`, oldest first.
        earlier: records of jobs that ran again and wrote the same bytes; what was made before that
            has their digests.
        roots: the results folder as each record file has it.
        problems: record files, and lists of files beside them, that cannot be used.
    """

    def __init__(
        self, folder: str | Path, project: Path = PROJECT, root: str | None = None
    ) -> None:
        """Read all records.

        Args:
            folder: where it is.
            project: the checkout.
            root: the folder as paths are to have it, whatever the records have; by default
                `results/<name>` where it lies in a folder of that name, else what its newest record
                has (see `toffee.provenance.reroot`).

        Raises:
            ToffeeError: the folder has none.
        """
        self.folder, self.project = Path(folder), Path(project)
        self.whole = True
        self.broken: set[Path] = set()
        self._listings: dict[tuple[Path, str], Listing] = {}
        base = self.folder / RECORDS
        if not base.is_dir():
            raise ToffeeError(f"{base}: no such folder, expected the results of a run")
        contents, self.pointers, self.problems = record_files(base)
        self.root = root or self._own_root(contents)
        self.roots = {name: str(one.get("root")) for name, one in contents.items()}
        found = {
            name: record
            for name, content in contents.items()
            if (record := self._record(base / name, name, content))
        }
        order = sorted(found, key=lambda name: (found[name].start, name))
        kept = {name: found[name] for name in order}
        self.records = {n: one for n, one in kept.items() if not n.startswith(f"{EARLIER}/")}
        self.earlier = {n: one for n, one in kept.items() if n.startswith(f"{EARLIER}/")}
        if not (self.records or self.pointers or self.problems):
            raise ToffeeError(f"{base}: no records, expected those of a run")

    def only(self, targets: Iterable[str]) -> Results:
        """The same folder with the records of some files and of all that they were made from."""
        part = copy(self)
        for name in ("producers", "names"):
            part.__dict__.pop(name, None)
        found = [record for path in targets if (record := self.producer(path))]
        kept = {id(one) for record in found for one in self.ancestors(record)}
        known = sorted({**self.earlier, **self.records}.items(), key=lambda one: one[1].start)
        part.records = {name: one for name, one in known if id(one) in kept}
        part.pointers = {n: see for n, see in self.pointers.items() if see in part.records}
        part.whole = False
        return part

    def as_of(self, moment: datetime) -> Results:
        """The same folder with the records that it had at a time: of a job that ran again since,
        and wrote the same bytes, the one before, under its own name."""
        later = {name: one for name, one in self.records.items() if one.start > moment}
        if not later:
            return self
        past = copy(self)
        for name in ("producers", "names", "by_digest"):
            past.__dict__.pop(name, None)
        past.roots = dict(self.roots)
        past.earlier = {n: one for n, one in self.earlier.items() if one.start <= moment}
        records = {name: one for name, one in self.records.items() if name not in later}
        for name, record in later.items():
            path = next(iter(record.outputs))
            before = [n for n, one in past.earlier.items() if next(iter(one.outputs)) == path]
            if before:  # oldest first
                records[name] = past.earlier.pop(before[-1])
                past.roots[name] = self.roots[before[-1]]
        past.records = dict(sorted(records.items(), key=lambda one: (one[1].start, one[0])))
        return past

    def _own_root(self, contents: Mapping[str, Mapping[str, Any]]) -> str:
        place = PurePosixPath(os.path.abspath(self.folder))
        if place.parent.name == RESULTS:
            return f"{RESULTS}/{place.name}"
        roots = {str(one.get("start")): one.get("root") for one in contents.values()}
        return str(roots[max(roots)]) if roots else str(self.folder)

    def left_over(self, part: Results) -> dict[str, int]:
        """Jobs of this folder that a part of it (see `only`) does not have: how many of each rule.
        Those that tell of the whole folder come after any part and do not count."""
        others = Counter(
            record.rule
            for name, record in self.records.items()
            if name not in part.records and record.rule not in TELLING
        )
        return dict(others)

    def _record(self, path: Path, name: str, content: dict[str, Any]) -> Record | None:
        record, problems = read_record(name, content, self.root)
        self.problems += [(path, *one) for one in problems]
        if record is not None and not name.startswith(f"{EARLIER}/"):
            self.problems += self._broken_listings(record)
        return record

    def _broken_listings(self, record: Record) -> Iterator[Problem]:
        for path, made in record.outputs.items():
            listing = self.listing(record, path)
            if listing is None:
                continue
            try:
                found = listing.tree()
            except ToffeeError as error:
                expected, was = "the list of files that its record names", str(error)
            else:
                if found == (made.sha256, made.size):
                    continue
                expected = f"files of {made.size} bytes and the digest {made.sha256[:16]}…"
                was = f"{found[1]} bytes and {found[0][:16]}…"
            self.broken.add(listing.place)
            yield listing.place, expected, was

    @cached_property
    def producers(self) -> dict[str, Record]:
        """Output → the record of the job that wrote it; of several the first."""
        found: dict[str, Record] = {}
        for record in self.records.values():
            for path in record.outputs:
                found.setdefault(path, record)
        return found

    def producer(self, path: str) -> Record | None:
        """The record of the job that made a file, or the folder that the file is in."""
        while path not in self.producers:
            path, slash, _ = path.rpartition("/")
            if not slash:
                return None
        return self.producers[path]

    @cached_property
    def names(self) -> dict[int, str]:
        """Identity of a record → its file within `records`."""
        known = {**self.records, **self.earlier}
        return {id(record): name for name, record in known.items()}

    def made(self, record: Record, path: str) -> Made | File | None:
        """What a job's record says of an output, or of a file within one; None of none."""
        if path in record.outputs:
            return record.outputs[path]
        for output, made in record.outputs.items():
            if made.files is None or not path.startswith(f"{output}/"):
                continue
            name, listing = path.removeprefix(f"{output}/"), self.listing(record, output)
            found = None
            if isinstance(made.files, dict):
                found = made.files.get(name)
            elif listing is not None and listing.place not in self.broken:
                entry = listing.find(name)
                found = File.model_validate(entry) if entry else None
            if found:
                return found
        return None

    def listing(self, record: Record, output: str) -> Listing | None:
        """The list beside the record, where an output is a folder of many files."""
        files = record.outputs[output].files
        if not isinstance(files, str):
            return None
        below = PurePosixPath(output).relative_to(record.root)
        place = listing_path(record_path(self.folder, self.folder / below))
        return self._listings.setdefault((place, files), Listing(place, files))

    def files_of(self, record: Record, output: str) -> Iterator[tuple[str, File]]:
        """The files of a folder that a job wrote, by path in it, sorted; none of a file, and none
        where the list beside the record is broken (see `problems`)."""
        listing, files = self.listing(record, output), record.outputs[output].files
        if isinstance(files, dict):
            yield from files.items()
        elif listing is not None and listing.place not in self.broken:
            for name, entry in listing.items():
                yield name, File.model_construct(**entry)

    def count(self, record: Record, output: str) -> int:
        """How many files `files_of` gives."""
        listing = self.listing(record, output)
        if listing is None:
            return len(record.outputs[output].files or {})
        return 0 if listing.place in self.broken else listing.count()

    def name_of(self, record: Record) -> str:
        """The record's file within the folder of records."""
        return self.names[id(record)]

    @cached_property
    def by_digest(self) -> dict[str, Record]:
        """Digest of a record → the record, earlier ones too."""
        known = (*self.earlier.values(), *self.records.values())
        return {record.sha256: record for record in known}

    def writer(self, path: str, read: Read) -> Record | None:
        """The record of the job that wrote what was read: the very one, or where that is not there
        the present producer's."""
        return self.by_digest.get(read.record or "") or self.producer(path)

    def before(self, record: Record) -> list[Record]:
        """The records of the jobs whose outputs a job read, each once, in its inputs' order."""
        read = record.inputs.items()
        found = {id(one): one for path, had in read if (one := self.writer(path, had))}
        return list(found.values())

    def ancestors(self, record: Record) -> list[Record]:
        """A job and all that it depends on, each once, nearest first. A cycle is walked once."""
        seen: dict[int, Record] = {}
        waiting = deque([record])
        while waiting:
            one = waiting.popleft()
            if id(one) not in seen:
                seen[id(one)] = one
                waiting += self.before(one)
        return list(seen.values())

    def place(self, path: str) -> Path:
        """Where a file of a record is now."""
        pure = PurePosixPath(path)
        if pure.is_relative_to(self.root):
            return self.folder / pure.relative_to(self.root)
        return self.project / path

    def written(self, place: str | Path) -> str:
        """How records write a file that a user names: below this folder, or as they write it."""
        try:
            below = Path(place).resolve().relative_to(self.folder.resolve())
        except ValueError:
            return str(place)
        return str(PurePosixPath(self.root) / below.as_posix())

    def config(self, record: Record) -> dict[str, Any]:
        """The configuration that a job ran with.

        Raises:
            ToffeeError: it is not there.
        """
        return self.kept(record.config, f"the configuration of {record.job}", CONFIGS)

    @cached_property
    def shared(self) -> set[tuple[str, str]]:
        """Texts that records share (see `kept`): folder and name."""
        found: set[tuple[str, str | None]] = set()
        for one in (*self.records.values(), *self.earlier.values()):
            names = (one.run, one.environment.installed, one.git.changes)
            found |= {(CONFIGS, one.config), *((SHARED, name) for name in names)}
        return {(folder, name) for folder, name in found if name}

    def kept(self, name: str, what: str, folder: str = SHARED) -> dict[str, Any]:
        """A text that records share, as JSON (see `toffee.provenance.kept`).

        Raises:
            ToffeeError: it is not there, it was edited, or is no JSON object.
        """
        path = kept_path(self.folder, name, folder)
        try:
            content = parse_json(kept_text(self.folder, name, folder), path)
        except ToffeeError as error:
            raise ToffeeError(f"{path}: expected {what} ({error})") from error
        if not isinstance(content, dict):
            raise ToffeeError(f"{path}: expected {what}, a JSON object")
        return content

    def files(self) -> Iterator[tuple[str, str, int, Record]]:
        """Every file that a job wrote: path, SHA-256, size (bytes), record of its job."""
        for record in self.records.values():
            for path, made in record.outputs.items():
                if made.files is None:
                    yield path, made.sha256, made.size, record
                for name, file in self.files_of(record, path):
                    yield f"{path}/{name}", file.sha256, file.size, record
