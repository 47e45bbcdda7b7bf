"""Importing multi-view sequences into `<class word>/<sequence>/images` and `masks`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toffee.data.importers.collect import Made, collect, each
from toffee.data.importers.faults import Fault, SetAside
from toffee.data.importers.mvimgnet import list_mvimgnet
from toffee.data.importers.pictures import square
from toffee.data.importers.sources import Listing, ViewSequence
from toffee.data.importers.uco3d import list_uco3d
from toffee.data.importers.words import file_name, folder_name
from toffee.runtime.seeds import SEED_BITS, seed_of

LICENCES = "licences.csv"
SOURCES = "sources.csv"
KEYS = {
    "mvimgnet": ("kind", "path", "heldout"),
    "uco3d": ("kind", "path", "heldout", "set_list"),
}
"""Keys of the description of a source, by its kind (as config `data.real.multiview`)."""
TABLES = {
    LICENCES: ("class_word", "sequence", "licence"),
    SOURCES: ("class_word", "sequence", "source", "frames", "sha256"),
}


def import_multiview(
    *,
    source: Mapping[str, Any],
    heldout: bool,
    out: str | Path,
    resolution: int,
    views: int,
    sequences: int | None,
    seed: int,
    threads: int = 1,
    code: str = "",
) -> None:
    """Import the training or the held-out sequences of MVImgNet or uCO3D.

    A seeded hash of a sequence's class word and name says whether it is held out, and in which
    order sequences are taken; so neither depends on the order in which a source lists them, on how
    many there are, or on what is broken. Of each sequence `views` frames are cut to the square (see
    `toffee.data.importers.pictures.square`); it is usable with two.

    Written beside the sequences: licences.csv (class_word, sequence, licence), sources.csv
    (where each was read, and the SHA-256 of what was read of it) and quarantine.csv (file, reason,
    detail).

    Args:
        source: with the `KEYS` of its kind; heldout is a share of the sequences.
        heldout: whether the held-out sequences are imported, or the others.
        out: folder to write.
        resolution: side of the pictures in pixels.
        views: frames of a sequence.
        sequences: usable sequences at most; None: all.
        seed: the run's seed.
        threads: sequences worked on at once.
        code: digest of the code: an import resumes only work of the same code.

    Raises:
        ToffeeError: the source is missing, is no such release, or has no usable sequence.
    """
    listing = _list_sequences(source)
    share, faults = float(source["heldout"]), list(listing.faults)
    items: dict[str, _Item] = {}
    for one in sorted(listing.sequences, key=lambda one: (one.origin, one.sequence)):
        name = name_of(one)
        if name in items:
            other = items[name].origin
            where = f"{one.origin}: {one.sequence}"
            faults.append(Fault(where, "named twice", f"{name} is already in {other}"))
        elif is_held_out(seed, name, share) == heldout:
            items[name] = _Item(one, resolution, views, listing.licence)
    chosen = list(items.values())
    chosen.sort(key=lambda item: (seed_of(seed, "import order", item.name), item.name))
    settings = {
        "source": dict(source),
        "heldout": heldout,
        "resolution": resolution,
        "views": views,
        "seed": seed,
        "code": code,
    }
    collect(
        out,
        chosen,
        each(_Item.make, threads),
        TABLES,
        faults=faults,
        limit=sequences,
        settings=settings,
        what="sequences",
    )


def is_held_out(seed: int, name: str, share: float) -> bool:
    """Whether a sequence is kept from all training."""
    return seed_of(seed, "import held out", name) < share * 2**SEED_BITS


def name_of(source: ViewSequence) -> str:
    """The folder of a sequence below the root."""
    return f"{folder_name(source.class_word)}/{file_name(source.sequence)}"


class _Item:
    """A sequence to be imported."""

    def __init__(self, source: ViewSequence, resolution: int, views: int, licence: str) -> None:
        self.source, self.resolution, self.views, self.licence = source, resolution, views, licence
        self.name, self.origin = name_of(source), source.origin

    def make(self) -> Made:
        files: dict[str, bytes] = {}
        faults, count, digest = [], 0, hashlib.sha256()
        for view in self.source.views(self.views):
            if isinstance(view, Fault):
                faults.append(view)
                continue
            try:
                image, mask = square(view.picture, view.mask, self.resolution, view.file)
            except SetAside as aside:
                faults.append(aside.fault)
                continue
            files[f"{self.name}/images/{count:03d}.jpg"] = image
            files[f"{self.name}/masks/{count:03d}.png"] = mask
            digest.update(view.data)
            count += 1
        where = f"{self.origin}: {self.source.sequence}"
        if count < 2:
            detail = f"{count} of at most {self.views} frames can be used, expected two or more"
            return Made(faults=[*faults, Fault(where, "too few frames", detail)])
        row = {
            "class_word": self.source.class_word,
            "sequence": file_name(self.source.sequence),
            "licence": self.licence,
            "source": self.origin,
            "frames": str(count),
            "sha256": digest.hexdigest(),
        }
        return Made(files, row, faults)


def _list_sequences(source: Mapping[str, Any]) -> Listing:
    if source["kind"] == "mvimgnet":
        return list_mvimgnet(source["path"])
    return list_uco3d(source["path"], source["set_list"])
