"""Texts that many records share, each kept once beside them under the start of its digest."""

import hashlib
from pathlib import Path

from toffee.provenance.digests import read_text
from toffee.provenance.paths import RECORDS, SHARED
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text


def config_name(text: str) -> str:
    """The name under which a text is kept: the start of its digest."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def keep(text: str, root: str | Path, folder: str = SHARED) -> str:
    """Keep a text in a folder of the records, once. Returns its name."""
    name = config_name(text)
    path = kept_path(root, name, folder)
    if not path.is_file():
        write_text(path, text)
    return name


def kept_path(root: str | Path, name: str, folder: str = SHARED) -> Path:
    """Where a text of this name is."""
    return Path(root, RECORDS, folder, f"{name}.json")


def kept_text(root: str | Path, name: str, folder: str = SHARED) -> str:
    """A text that was kept.

    Raises:
        ToffeeError: it is not there, or not the one of this name.
    """
    path = kept_path(root, name, folder)
    text = read_text(path)
    if config_name(text) != name:
        raise ToffeeError(f"{path}: not the text that its name is the digest of: it was edited")
    return text
