"""Who took each photo of DreamBench, and on which terms it may be used.

The dataset says so in `references_and_licenses.txt`, a text with a block for each subject:

    cat:
    (credit: https://unsplash.com/@alvannee)
    00: https://unsplash.com/photos/LaXCd-05C6A
    03: Same as 03, but shifted

    candle: Photos taken by Nataniel Ruiz

Below the line `Licenses` it says that photos from unsplash.com have the Unsplash licence; all
others were taken by the authors or their friends, and have the licence of the whole dataset.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from toffee.data.loaders.dreambench import Benchmark
from toffee.data.texts import read_text
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path

LICENCE_FILE = "references_and_licenses.txt"
DATASET_LICENCE = "CC-BY-4.0"
UNSPLASH, UNSPLASH_LICENCE = "unsplash.com", "Unsplash"
END = "Licenses"

_SUBJECT = re.compile(r"(?P<name>\w[\w.-]*):\s*(?P<rest>.*)")
_PHOTO = re.compile(r"(?P<stem>\d+):\s*(?P<rest>.*)")
_CREDIT = re.compile(r"\(credit:\s*(?P<credit>\S+?)\s*\)")


@dataclass(frozen=True)
class Licence:
    """Terms of one photo: `file` is its name in the subject's folder; `source` and `credit` are as
    in the dataset. All three terms are empty if the dataset names no source."""

    subject: str
    file: str
    source: str = ""
    credit: str = ""
    licence: str = ""


@dataclass
class _Block:
    """The text about one subject: a note on all photos, and lines on single ones by number."""

    note: str
    photos: dict[str, str]

    def licence(self, subject: str, file: str) -> Licence:
        source = self.photos.get(Path(file).stem, "" if self.photos else self.note)
        if not source:
            return Licence(subject, file)
        found = _CREDIT.search(self.note)
        credit = found["credit"] if found else ""
        from_unsplash = UNSPLASH in source or UNSPLASH in credit
        name = UNSPLASH_LICENCE if from_unsplash else DATASET_LICENCE
        return Licence(subject, file, source, credit, name)


def read_licences(path: Path, benchmark: Benchmark) -> list[Licence]:
    """The terms of every photo of a benchmark, subject by subject.

    Raises:
        ToffeeError: the file cannot be read, or has nothing about a subject.
    """
    blocks = _blocks(
        read_text(path).splitlines(), {subject.subject for subject in benchmark.subjects}
    )
    found = []
    for subject in benchmark.subjects:
        if subject.subject not in blocks:
            raise ToffeeError(f"{path}: nothing about {subject.subject}, expected where it is from")
        block = blocks[subject.subject]
        found += [block.licence(subject.subject, photo.name) for photo in subject.photos]
    return found


def write_licences(licences: Iterable[Licence], path: Path) -> None:
    """Write the terms as CSV: one row per photo, columns as `Licence`."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([one.name for one in fields(Licence)])
        table.writerows(astuple(licence) for licence in licences)


def _blocks(lines: Iterable[str], subjects: set[str]) -> dict[str, _Block]:
    blocks: dict[str, _Block] = {}
    block = _Block("", {})  # lines above the first subject are ignored
    for line in map(str.strip, lines):
        if line == END:
            break
        photo, head = _PHOTO.fullmatch(line), _SUBJECT.fullmatch(line)
        if photo:
            block.photos[photo["stem"]] = photo["rest"].strip()
        elif head and head["name"] in subjects:
            block = blocks[head["name"]] = _Block(head["rest"].strip(), {})
        elif line:
            block.note = f"{block.note} {line}".strip()
    return blocks
