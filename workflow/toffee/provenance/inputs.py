"""What a job's inputs were when it began, to tell whether they still are.

A file that is cut off or written to while a job reads it gives other numbers, or an error of
whatever library met it, which names neither the file nor the cause.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from toffee.provenance.digests import known_of, producer, summary
from toffee.provenance.listing import walk
from toffee.runtime.errors import ToffeeError

MOST = 10_000
"""Files of a folder that are looked at: one of millions would take minutes, twice."""

Look = tuple[int, int]
"""Size and time of change of a file."""
Looks = dict[str, Look]
"""Those of the files of an input, by path."""


class Inputs:
    """The inputs of a job that begins."""

    def __init__(
        self, read: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Looks], root: str
    ) -> None:
        """
        Args:
            read: path → what it is (see `toffee.provenance.sources.describe_input`).
            seen: path → how it looked before that was read (see `looks`).
            root: results folder.
        """
        self._read, self._looks, self._root = dict(read), dict(seen), root

    def change(self) -> str:
        """The first input that is not what it was, in one line; "" where all are."""
        for path, before in self._looks.items():
            now = _looks(path)
            if now == before or self._same(path):
                continue
            place = next(name for name in {**before, **now} if before.get(name) != now.get(name))
            was, found = (_size(looks.get(place)) for looks in (before, now))
            return f"{place} changed while this job read it ({was} before, {found} now)"
        return ""

    def fault(self) -> str:
        """Why an input may be what stopped the job, in one line; "" where none is known."""
        if line := self.change():
            return line
        for path, found in self._read.items():
            record = producer(path, self._root)
            made = known_of(record, path, self._root)
            if record is not None and made is not None and made["sha256"] != found["sha256"]:
                return (
                    f"{path}: not what {record['rule']} wrote: damaged or edited since, "
                    f"{found['size']} bytes, expected {made['size']}"
                )
        return ""

    def _same(self, path: str) -> bool:
        """Whether an input has its old content, under new times alone."""
        try:
            return bool(summary(path)["sha256"] == self._read[path]["sha256"])
        except ToffeeError:
            return False  # it is gone


def looks(paths: Iterable[str]) -> dict[str, Looks]:
    """Sizes and times of inputs, by path."""
    return {path: _looks(path) for path in paths}


def _looks(path: str) -> Looks:
    found = {}
    with suppress(OSError, ToffeeError):  # of what is no more
        names = islice(walk(path), MOST) if os.path.isdir(path) else [""]
        for name in names:
            place = f"{path}/{name}" if name else path
            status = os.stat(place)
            found[place] = status.st_size, status.st_mtime_ns
    return found


def _size(look: Look | None) -> str:
    return f"{look[0]} bytes" if look else "no file"
