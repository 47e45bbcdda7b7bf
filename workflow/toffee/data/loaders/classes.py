"""Class words: a list of them in a text file, or those of a folder of multi-view sequences."""

import os
from pathlib import Path

from toffee.data.importers.words import LONGEST_WORD, class_word
from toffee.data.texts import read_text
from toffee.data.walk import list_folder
from toffee.runtime.errors import ToffeeError


def read_classes(path: str | Path) -> list[str]:
    """The class words of a list, in its order.

    Raises:
        ToffeeError: the file is missing or empty, or names a class word twice.
    """
    words: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        given = line.partition("#")[0]
        word = class_word(given)
        if given.strip() and not word:
            expected = f"a class word with letters, of at most {LONGEST_WORD} bytes"
            where = f"{path}, line {number}: {given.strip()[:100]!r}"
            raise ToffeeError(f"{where}, expected {expected}")
        if word in words:
            raise ToffeeError(f"{path}, line {number}: {word} stands there twice, expected once")
        words += [word] if word else []
    if not words:
        raise ToffeeError(f"{path}: no class word, expected one a line")
    return words


def classes_of_sequences(root: str | os.PathLike[str]) -> list[str]:
    """The class words of a multi-view folder (see `load_multiview`), sorted.

    Raises:
        ToffeeError: the folder is missing, or has none.
    """
    words = sorted(name.replace("_", " ") for name in list_folder(root).folders)
    if not words:
        raise ToffeeError(f"{root}: no class word, expected <class word>/<sequence>/images")
    return words
