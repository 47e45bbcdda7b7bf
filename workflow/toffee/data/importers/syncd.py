"""SynCD (nupurkmr9/syncd, arXiv 2502.01720) as released: several pictures of one subject each.

The layout, from the reader (method/data/data.py at 3082be9) and the generator
(dataset/gen_deformable.py) of its repository:

    <root>/…/metadata.json, metadata_<n>.json     a list of {"filenames": […], "prompts": […]}
    <root>/…/<filename>                           relative to the list's folder
    <folder of the picture>/masks/<its stem>.jpg  where the subject is, in grey, of any size

A picture of an animal is called <class>_<description>_<sample>_<rank>_<number>.jpg; those of rigid
things are named after their 3D model and have no class word, unless an entry says `class_word`, as
this project's `export_folder` does. Its reader takes every value above 0 of a mask; here it is from
the half on, since the masks are JPEGs and soft. Pictures drawn by FLUX.1-dev: see its licence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from toffee.data.faults import Fault, SetAside
from toffee.data.importers.pictures import decode_image, evenly
from toffee.data.importers.sources import Digest, Listing, View
from toffee.data.importers.words import class_word
from toffee.data.pictures import decoded, read_file, set_values
from toffee.data.texts import read_text
from toffee.data.walk import leaves, walk_files
from toffee.provenance.digests import parse_json
from toffee.runtime.errors import ToffeeError

LICENCE = "see nupurkmr9/syncd"
LARGEST = 1 << 28
"""Bytes of a list: the whole release has 95,000 pictures, some 30 MB."""

_LIST = re.compile(r"(.*metadata|metadata_\d+)\.json")
_NUMBERS = re.compile(r"(_\d+){4}$")


@dataclass(frozen=True)
class Group:
    """An entry of a list: pictures of one subject, by their paths below the root."""

    root: Path
    origin: str
    sequence: str
    class_word: str
    pictures: tuple[str, ...]

    def views(self, wanted: int, digest: Digest) -> Iterator[View | Fault]:
        for file in self._chosen(wanted):
            try:
                data, plane = self._bytes(file, digest)
                picture = decode_image(data, file)
                yield View(file, picture, _mask(plane, picture.size, file))
            except SetAside as aside:
                yield aside.fault

    def read(self, wanted: int, digest: Digest) -> None:
        for file in self._chosen(wanted):
            try:
                self._bytes(file, digest)
            except SetAside:
                continue

    def _chosen(self, wanted: int) -> list[str]:
        return [self.pictures[place] for place in evenly(len(self.pictures), wanted)]

    def _bytes(self, file: str, digest: Digest) -> tuple[bytes, bytes]:
        path = PurePosixPath(file)
        mask = path.parent / "masks" / f"{path.stem}.jpg"
        data = _read(self.root, file, file, "missing image")
        plane = _read(self.root, str(mask), file, "missing mask")
        digest.update(data)
        digest.update(plane)
        return data, plane


def list_syncd(root: str | Path) -> Listing:
    """List the groups of pictures of a release.

    Raises:
        ToffeeError: the folder is missing, or has no list, or a malformed one.
    """
    root = Path(root)
    check_syncd(root)
    files = walk_files(root)
    found, faults = [], files.faults
    for name in files.files:
        if not _LIST.fullmatch(PurePosixPath(name).name):
            continue
        for number, entry in enumerate(_entries(root / name), start=1):
            group = _group(root, name, entry, f"{name}, entry {number}")
            if isinstance(group, Fault):
                faults.append(group)
            else:
                found.append(group)
    return Listing(found, faults, LICENCE)


def check_syncd(root: Path) -> None:
    """Look for what a listing begins with. Raises ToffeeError where it is missing."""
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected SynCD's files")
    if next(root.rglob("*metadata*.json"), None) is None:
        raise ToffeeError(f"{root}: no metadata.json, expected SynCD's list of pictures")


def _entries(path: Path) -> list[Any]:
    entries = parse_json(read_text(path, LARGEST), path)
    if not isinstance(entries, list):
        raise ToffeeError(f"{path}: expected a list of filenames and prompts")
    return entries


def _group(root: Path, file: str, entry: Any, where: str) -> Group | Fault:
    names = entry.get("filenames") if isinstance(entry, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return Fault(where, "no picture", "expected filenames, a list of texts")
    folder = PurePosixPath(file).parent
    pictures = tuple(str(folder / name) for name in names)
    if not pictures or any(leaves(one) for one in pictures):
        return Fault(where, "no picture", "expected names below the list's folder")
    stem = PurePosixPath(pictures[0]).stem
    given = entry.get("class_word") or (_NUMBERS.split(stem)[0] if _NUMBERS.search(stem) else "")
    word = class_word(str(given))
    if not word:
        return Fault(where, "no class word", f"{stem[:100]!r}, expected <class>_0_0_0_0")
    return Group(root, file, stem, word, pictures)


def _read(root: Path, name: str, file: str, reason: str) -> bytes:
    try:
        return read_file(root / name)
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or error
        raise SetAside(file, reason, f"{name}: {detail}") from error


def _mask(data: bytes, size: tuple[int, int], file: str) -> np.ndarray:
    """A soft mask of any size as bool [H, W] of its picture."""
    try:
        grey = decoded(data).convert("L")
        values = np.asarray(grey)
        if values.max() == 1:
            grey = Image.fromarray(values * 255)
        return set_values(np.asarray(grey.resize(size, Image.Resampling.BILINEAR)), 255)
    except ValueError as error:
        raise SetAside(file, "broken mask", error) from error
