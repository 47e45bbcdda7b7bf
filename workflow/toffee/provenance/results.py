"""A results folder as its records tell it: which job wrote which file, from what.

Paths are written in records as the run saw them (`results/tiny/tables/views.csv`,
`config/prompts/tiny.yaml`), the folder itself may have been copied elsewhere since: `place` says
where a file is now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from toffee.errors import ToffeeError
from toffee.provenance.paths import CONFIGS, RECORDS, SOURCES
from toffee.provenance.record import PROJECT, seal
from toffee.provenance.schema import Record

Problem = tuple[Path, str, str]
"""A record that is none: its file, what was expected, what was found."""


class Results:
    """A results folder and its records.

    Attributes:
        folder: where it is.
        project: the checkout, for files of the repository.
        records: by path of the record file within `records`, oldest first.
        problems: record files that cannot be used.
    """

    def __init__(self, folder: str | Path, project: Path = PROJECT) -> None:
        """Read all records.

        Raises:
            ToffeeError: the folder has none.
        """
        self.folder, self.project = Path(folder), Path(project)
        self.problems: list[Problem] = []
        self.pointers: dict[str, str] = {}
        found: dict[str, Record] = {}
        base = self.folder / RECORDS
        if not base.is_dir():
            raise ToffeeError(f"{base}: no such folder, expected the results of a run")
        for path in sorted(base.rglob("*.json")):
            name = path.relative_to(base).as_posix()
            if name.split("/")[0] in (CONFIGS, SOURCES):
                continue
            record = self._read(path, name)
            if record is not None:
                found[name] = record
        order = sorted(found, key=lambda name: (found[name].start, name))
        self.records = {name: found[name] for name in order}

    def _read(self, path: Path, name: str) -> Record | None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(content, dict) and set(content) == {"see"}:
                self.pointers[name] = str(content["see"])
                return None
            record = Record.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "the whole"
            self.problems.append((path, "a valid record", f"{key}: {first['msg']}"))
        except (OSError, ValueError) as error:
            self.problems.append((path, "a record in JSON", str(error)))
        else:
            if seal(content)["sha256"] != content["sha256"]:
                expected = f"content with SHA-256 {content['sha256'][:16]}…, as it says of itself"
                self.problems.append((path, expected, "other content: it was edited"))
            return record
        return None

    @cached_property
    def root(self) -> str:
        """The results folder as records write it."""
        roots = sorted({record.root for record in self.records.values()})
        return roots[0] if roots else str(self.folder)

    @cached_property
    def producers(self) -> dict[str, Record]:
        """Output → the record of the job that wrote it; of several the first."""
        found: dict[str, Record] = {}
        for record in self.records.values():
            for path in record.outputs:
                found.setdefault(path, record)
        return found

    def producer(self, path: str) -> Record | None:
        """The record behind a file: of the output that it is, or of the folder that it lies in."""
        pure = PurePosixPath(path)
        for candidate in (pure, *pure.parents):
            if str(candidate) in self.producers:
                return self.producers[str(candidate)]
        return None

    def name_of(self, record: Record) -> str:
        """The record's file within `records`."""
        return next(name for name, other in self.records.items() if other is record)

    def before(self, record: Record) -> list[Record]:
        """The records of the jobs whose outputs a job read, each once, in its inputs' order."""
        found = {id(one): one for path in record.inputs if (one := self.producer(path))}
        return list(found.values())

    def ancestors(self, record: Record) -> list[Record]:
        """A job and all jobs behind it, each once, nearest first. A cycle is walked once."""
        seen: dict[int, Record] = {}
        waiting = [record]
        while waiting:
            one = waiting.pop(0)
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
        path = self.folder / RECORDS / CONFIGS / f"{record.config}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ToffeeError(f"{path}: expected the configuration of {record.job}") from error

    def files(self) -> Iterator[tuple[str, str, int, Record]]:
        """Every file that a job wrote: path, SHA-256, size (bytes), record of its job."""
        for record in self.records.values():
            for path, made in record.outputs.items():
                if made.files is None:
                    yield path, made.sha256, made.size, record
                for name, file in (made.files or {}).items():
                    yield f"{path}/{name}", file.sha256, file.size, record
