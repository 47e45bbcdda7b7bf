"""Digest of what a small data file of the repository says: comments and layout do not count."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import yaml

from toffee.runtime.files import file_digest


def content_digest(path: str | Path) -> str:
    """SHA-256 of what a file says: the values of YAML, the rows of CSV, the words of a list.

    A list of words is a .txt file, in which `#` begins a comment. Of any other file, and of one
    that cannot be parsed, it is the SHA-256 of the bytes: the job that reads it says what is wrong.

    Raises:
        ToffeeError: the file cannot be read.
    """
    path = Path(path)
    parse = {".yaml": _values, ".csv": _rows, ".txt": _words}.get(path.suffix)
    if parse is None:
        return file_digest(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        return hashlib.sha256(repr(parse(text)).encode()).hexdigest()
    except (OSError, ValueError, yaml.YAMLError, csv.Error, RecursionError):
        return file_digest(path)


def _values(text: str) -> Any:
    return yaml.safe_load(text)


def _rows(text: str) -> list[list[str]]:
    return [row for row in csv.reader(text.splitlines(keepends=True)) if row]


def _words(text: str) -> list[str]:
    lines = (" ".join(line.partition("#")[0].split()) for line in text.splitlines())
    return [line for line in lines if line]
