"""Importing training subjects into an image folder: `images`, `masks` and metadata.csv."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from toffee.data.importers.collect import Made, collect, each
from toffee.data.importers.faults import Fault, SetAside
from toffee.data.importers.hub import stream_pictures
from toffee.data.importers.images import list_images
from toffee.data.importers.pictures import decode_image, decode_mask, square
from toffee.data.importers.sources import Picture
from toffee.data.importers.words import class_word, file_name
from toffee.data.loaders.prompt_parts import noun_phrase
from toffee.runtime.seeds import seed_of

METADATA = "metadata.csv"
SOURCES = "sources.csv"
KEYS = {
    "images": ("kind", "path"),
    "hub": (
        "kind",
        "repo",
        "revision",
        "split",
        "image",
        "class_word",
        "caption",
        "mask",
        "licence",
    ),
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

    Those of a folder are taken in the order of a seeded hash of their names, those of a data set in
    its own order. Pictures and masks are cut to the square (see `pictures.square`).
    metadata.csv has a column licence; sources.csv (where each was read, SHA-256 of what was read)
    and quarantine.csv (file, reason, detail) stand beside it.

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
    pictures, faults = _list_pictures(source), list[Fault]()
    items: Iterable[_Item] = (_Item(picture, resolution) for picture in pictures)
    if isinstance(pictures, list):
        named: dict[str, _Item] = {}
        for item in items:
            if named.setdefault(item.name, item) is not item:
                other = named[item.name].picture.file
                detail = f"would be called {item.name} as {other} is"
                faults.append(Fault(item.picture.file, "named twice", detail))
        items = sorted(
            named.values(), key=lambda item: (seed_of(seed, "import order", item.name), item.name)
        )
    settings = {"source": dict(source), "resolution": resolution, "seed": seed, "code": code}
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


class _Item:
    """A subject to be imported."""

    def __init__(self, picture: Picture, resolution: int) -> None:
        self.picture, self.resolution = picture, resolution
        self.name, self.origin = file_name(picture.name), picture.file

    def make(self) -> Made:
        source, word = self.picture, class_word(self.picture.word)
        if not word:
            raise SetAside(source.file, "no class word", f"{source.word!r} has no letter")
        data = source.image()
        picture, mask, digest = decode_image(data, source.file), None, hashlib.sha256(data)
        if source.mask is not None:
            data = source.mask()
            digest.update(data)
            mask = decode_mask(data, source.file)
        image, plane = square(picture, mask, self.resolution, source.file)
        files = {f"images/{self.name}.jpg": image}
        if plane is not None:
            files[f"masks/{self.name}.png"] = plane
        row = {
            "file_name": f"images/{self.name}.jpg",
            "subject": self.name,
            "class_word": word,
            "caption": " ".join(source.caption.split()) or noun_phrase(word),
            "licence": source.licence,
            "source": source.file,
            "sha256": digest.hexdigest(),
        }
        return Made(files, row)


def _list_pictures(source: Mapping[str, Any]) -> Iterable[Picture]:
    return list_images(source["path"]) if source["kind"] == "images" else stream_pictures(source)
