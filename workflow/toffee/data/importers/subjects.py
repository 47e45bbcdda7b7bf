"""Importing training subjects into an image folder: `images`, `masks` and metadata.csv."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toffee.data.faults import Fault, SetAside
from toffee.data.importers.collect import Made, collect, each
from toffee.data.importers.hub import stream_pictures
from toffee.data.importers.images import LONGEST_CAPTION, is_list, list_images
from toffee.data.importers.pictures import decode_image, decode_mask, square
from toffee.data.importers.sources import Picture, source_digest, source_folder
from toffee.data.importers.subjects200k import stream_subjects200k
from toffee.data.importers.words import LONGEST_WORD, class_word, file_name, file_names, one_line
from toffee.data.loaders.prompt_parts import noun_phrase
from toffee.data.walk import list_folder
from toffee.provenance.sources import remember_source
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import seed_of

METADATA = "metadata.csv"
SOURCES = "sources.csv"
KEYS = {
    "images": ("kind", "path"),
    "hub": (
        "kind",
        "repo",
        "config",
        "revision",
        "split",
        "image",
        "class_word",
        "caption",
        "mask",
        "licence",
    ),
    "subjects200k": ("kind", "repo", "revision", "split", "licence"),
}
"""Keys of the description of a source, by its kind (as config `data.real.subjects`)."""
TABLES = {
    METADATA: ("file_name", "subject", "class_word", "caption", "licence"),
    SOURCES: ("subject", "source", "sha256"),
}


def import_subjects(
    *,
    source: Mapping[str, Any],
    out: str | Path,
    resolution: int,
    subjects: int | None,
    seed: int,
    threads: int = 1,
    code: str = "",
) -> None:
    """Import subjects from a folder of pictures or a data set of the hub.

    Those of a folder are taken in the order of a seeded hash of their names there, those of a data
    set in its own order. Each has a name of its own (see `words.file_names`). Pictures and masks
    are cut to the square (see `pictures.square`). metadata.csv has a column licence; sources.csv
    (where each was read, SHA-256 of what was read) and quarantine.csv (file, reason, detail) stand
    beside it.

    Args:
        source: with the `KEYS` of its kind.
        out: folder to write.
        resolution: side of the pictures in pixels.
        subjects: usable subjects at most; None: all.
        seed: the run's seed.
        threads: pictures worked on at once.
        code: digest of the code: an import resumes only work of the same code.

    Raises:
        ToffeeError: the source is missing or malformed, or has no usable picture.
    """
    items: Iterable[_Item]
    if source["kind"] == "images":
        listed = list_images(source["path"])
        items, faults = _ordered(listed.pictures, resolution, seed), listed.faults
    else:
        pairs = source["kind"] == "subjects200k"
        stream = stream_subjects200k(source) if pairs else stream_pictures(source)
        items = (_Item(one, file_name(one.name), resolution) for one in stream)
        faults = list[Fault]()
    settings = {
        "source": dict(source),
        "resolution": resolution,
        "seed": seed,
        "code": code,
        "files": source_digest(source),
    }
    collect(
        out,
        items,
        each(_Item.make, threads),
        TABLES,
        faults=faults,
        limit=subjects,
        settings=settings,
        what="subjects",
    )
    if folder := source_folder(source):
        remember_source(folder, out)


def check_folder(folder: Path) -> None:
    """Look for what an import of a folder begins with. Raises ToffeeError where it is missing."""
    if not list_folder(folder).files and not list_folder(folder).folders:
        raise ToffeeError(f"{folder}: empty folder, expected pictures or a data set")


def check_sources(source: Mapping[str, Any], read: Mapping[str, str]) -> Iterator[str]:
    """What of a folder of pictures is not as it was imported, a line each.

    Args:
        source: see `import_subjects`, of kind images.
        read: SHA-256 by source, as in sources.csv.

    Raises:
        ToffeeError: the folder is missing or malformed.
    """
    pictures = {one.file: one for one in list_images(source["path"]).pictures}
    for file, sha256 in read.items():
        digest = hashlib.sha256()
        try:
            if file not in pictures:
                raise SetAside(file, "missing image", "no such file")
            for data in _read(pictures[file]):
                digest.update(data)
        except SetAside as aside:
            yield f"{file}: {aside.fault.reason} ({aside.fault.detail})"
            continue
        if digest.hexdigest() != sha256:
            yield f"{file}: SHA-256 {digest.hexdigest()[:16]}…, expected {sha256[:16]}…"


def _ordered(pictures: Sequence[Picture], resolution: int, seed: int) -> list["_Item"]:
    """The pictures of a folder, each under a name of its own, in the order of a seeded hash of
    their names in the source."""
    names = file_names({one.file: one.name for one in pictures})
    items = [_Item(one, names[one.file], resolution) for one in pictures]
    order = {one.origin: seed_of(seed, "import order", one.picture.name) for one in items}
    return sorted(items, key=lambda item: (order[item.origin], item.origin))


def _read(picture: Picture) -> Iterator[bytes]:
    """The bytes of a picture and of its mask. Raises SetAside."""
    yield picture.image()
    if picture.mask is not None:
        yield picture.mask()


class _Item:
    """A subject to be imported, and its name here."""

    def __init__(self, picture: Picture, name: str, resolution: int) -> None:
        self.picture, self.resolution = picture, resolution
        self.name, self.origin = name, picture.file

    def make(self) -> Made:
        source = self.picture
        word, caption = self._word(), self._caption()
        data = list(_read(source))
        digest = hashlib.sha256(b"".join(data))
        picture = decode_image(data[0], source.file)
        mask = decode_mask(data[1], source.file) if source.mask is not None else None
        image, plane = square(picture, mask, self.resolution, source.file)
        files = {f"images/{self.name}.jpg": image}
        if plane is not None:
            files[f"masks/{self.name}.png"] = plane
        row = {
            "file_name": f"images/{self.name}.jpg",
            "subject": self.name,
            "class_word": word,
            "caption": caption or noun_phrase(word),
            "licence": one_line(source.licence),
            "source": source.file,
            "sha256": digest.hexdigest(),
        }
        return Made(files, row)

    def _word(self) -> str:
        given = self.picture.word
        word = "" if is_list(given) else class_word(given)
        if not word:
            expected = f"expected letters, at most {LONGEST_WORD} bytes"
            raise SetAside(self.origin, "no class word", f"{given[:100]!r}, {expected}")
        return word

    def _caption(self) -> str:
        caption = self.picture.caption()
        if len(caption) > LONGEST_CAPTION:
            detail = f"{len(caption)} characters, expected at most {LONGEST_CAPTION}"
            raise SetAside(self.origin, "broken caption", detail)
        if is_list(caption):
            raise SetAside(self.origin, "broken caption", "a list, expected a text")
        return one_line(caption)
