"""Texts from elsewhere: their encoding, and a limit of their size. Never guessed at.

UTF-8, and UTF-16 and UTF-32 with their mark (BOM), are read. Bytes that are none of these (Latin-1,
GBK, Shift JIS...) cannot be told apart, so they are refused: as another encoding they would be read
as other letters, without a word.
"""

import codecs
import os
from typing import Any

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import open_file
from toffee.runtime.plain_yaml import LARGEST_YAML, load_plain

LARGEST = 1 << 20
"""Bytes of a list of prompts, classes or licences. The largest that is known has 3,000."""

_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def decode_text(data: bytes) -> str:
    """The text of a file's bytes.

    Raises:
        ValueError: it is in no encoding that can be told, or no text.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not {encoding.upper().removesuffix('-SIG')} text (byte {error.start}), "
            "expected UTF-8: save the file as UTF-8"
        ) from error
    if "\0" in text:
        raise ValueError("has NUL characters, expected text: save the file as UTF-8")
    return text


def read_text(path: str | os.PathLike[str], most: int = LARGEST) -> str:
    """The text of a file of at most `most` bytes.

    Raises:
        ToffeeError: it is missing, no regular file, too large, or its encoding is not known.
    """
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ToffeeError(f"{path}: more than {most} bytes, expected a text")
    try:
        return decode_text(data)
    except ValueError as error:
        raise ToffeeError(f"{path}: {error}") from error


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """The content of a small YAML file.

    Raises:
        ToffeeError: it cannot be read (see `read_text`), is no YAML, or is made to be slow to read.
    """
    return parse_yaml(read_text(path, LARGEST_YAML), path)


def parse_yaml(text: str, path: str | os.PathLike[str]) -> Any:
    """What a YAML text says. Raises ToffeeError that names its file."""
    try:
        return load_plain(text)
    except ValueError as error:
        raise ToffeeError(f"{path}: {error}") from error
