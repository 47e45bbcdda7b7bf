"""Digest of what a small data file of the repository says: comments and layout do not count."""

import csv
import hashlib
import io
from pathlib import Path

from toffee.runtime.files import file_digest, open_file
from toffee.runtime.plain_yaml import load_plain

LARGEST = 1 << 20
"""Characters that are parsed. No list that a job reads is larger (see `toffee.data.texts`)."""


def content_digest(path: str | Path) -> str:
    """SHA-256 of what a file says: the values of YAML, the rows of CSV, the words of a list.

    A list of words is a .txt file, in which `#` begins a comment. Of any other file, and of one
    that cannot be parsed, it is the SHA-256 of the bytes: the job that reads it says what is wrong.
    So it is of a large file and of YAML with aliases, which the audit may meet: what they say can
    fill the memory.

    Raises:
        ToffeeError: the file cannot be read.
    """
    path = Path(path)
    parse = {".yaml": load_plain, ".csv": _rows, ".txt": _words}.get(path.suffix)
    if parse is None:
        return file_digest(path)
    try:
        with io.TextIOWrapper(open_file(path), encoding="utf-8-sig") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            return file_digest(path)
        return hashlib.sha256(repr(parse(text)).encode()).hexdigest()
    except (OSError, ValueError, csv.Error, RecursionError):
        return file_digest(path)


def _rows(text: str) -> list[list[str]]:
    return [row for row in csv.reader(text.splitlines(keepends=True)) if row]


def _words(text: str) -> list[str]:
    lines = (" ".join(line.partition("#")[0].split()) for line in text.splitlines())
    return [line for line in lines if line]
