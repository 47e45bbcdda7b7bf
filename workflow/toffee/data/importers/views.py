"""Importing multi-view sequences into `<class word>/<sequence>/images` and `masks`."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from toffee.data.faults import Fault, SetAside
from toffee.data.importers.collect import Made, collect, each
from toffee.data.importers.mvimgnet import check_mvimgnet, list_mvimgnet
from toffee.data.importers.pictures import square
from toffee.data.importers.sources import Listing, ViewSequence, source_digest
from toffee.data.importers.syncd import list_syncd
from toffee.data.importers.uco3d import check_uco3d, list_uco3d, words_of_uco3d
from toffee.data.importers.words import file_names, folder_name
from toffee.provenance.sources import remember_source
from toffee.runtime.seeds import SEED_BITS, seed_of

LICENCES = "licences.csv"
SOURCES = "sources.csv"
KEYS = {
    "mvimgnet": ("kind", "path", "heldout"),
    "uco3d": ("kind", "path", "heldout", "set_list"),
    "syncd": ("kind", "path", "heldout"),
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
    """Import the training or the held-out sequences of MVImgNet, uCO3D or SynCD.

    A seeded hash of a sequence's class word and name in the source says whether it is held out, and
    in which order sequences are taken; so neither depends on the order in which a source lists
    them, on how many there are, or on what is broken. Of each sequence `views` frames are cut to
    the square (see `toffee.data.importers.pictures.square`); it is usable with two.

    Beside the sequences stand licences.csv, sources.csv (where each was read, SHA-256) and
    quarantine.csv.

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
    unique, twice = _unique(listing)
    names = names_of(unique)
    items = [
        _Item(one, names[key_of(one)], resolution, views, listing.licence)
        for one in _chosen(unique, seed, float(source["heldout"]), heldout)
    ]
    settings = {"source": dict(source), "heldout": heldout, "resolution": resolution}
    settings |= {"views": views, "seed": seed, "code": code, "files": source_digest(source)}
    collect(
        out,
        items,
        each(_Item.make, threads),
        TABLES,
        faults=[*listing.faults, *twice],
        limit=sequences,
        settings=settings,
        what="sequences",
    )
    remember_source(source["path"], out)


def _chosen(
    unique: list[ViewSequence], seed: int, share: float, heldout: bool
) -> list[ViewSequence]:
    """The sequences that are held out, or the others, in the order of a seeded hash."""
    found = [one for one in unique if is_held_out(seed, source_name(one), share) == heldout]
    order = {key_of(one): seed_of(seed, "import order", source_name(one)) for one in found}
    return sorted(found, key=lambda one: (order[key_of(one)], key_of(one)))


def is_held_out(seed: int, name: str, share: float) -> bool:
    """Whether a sequence is kept from all training."""
    return seed_of(seed, "import held out", name) < share * 2**SEED_BITS


def check_sources(
    source: Mapping[str, Any], read: Mapping[tuple[str, str], str], views: int
) -> Iterator[str]:
    """What of a release is not as it was imported, a line each.

    Args:
        source, views: see `import_multiview`.
        read: SHA-256 by class word and name of a sequence, as in sources.csv.

    Raises:
        ToffeeError: the release is missing, or is none.
    """
    unique, _ = _unique(_list_sequences(source))
    names = names_of(unique)
    there = {(one.class_word, names[key_of(one)].partition("/")[2]): one for one in unique}
    for (word, name), sha256 in read.items():
        digest, where = hashlib.sha256(), f"{word}: {name}"
        try:
            if (word, name) not in there:
                raise SetAside(where, "missing image", "no such sequence")
            there[word, name].read(views, digest)
        except SetAside as aside:
            yield f"{where}: {aside.fault.reason} ({aside.fault.detail})"
            continue
        if digest.hexdigest() != sha256:
            yield f"{where}: SHA-256 {digest.hexdigest()[:16]}…, expected {sha256[:16]}…"


def check_release(source: Mapping[str, Any]) -> set[str]:
    """Look for what an import begins with, in a second; gives the class words of the release.

    Args:
        source: see `import_multiview`.

    Raises:
        ToffeeError: the release is missing, or is none.
    """
    root = Path(source["path"])
    if source["kind"] == "mvimgnet":
        return set(check_mvimgnet(root).values())
    if source["kind"] == "syncd":
        return {one.class_word for one in list_syncd(root).sequences}
    check_uco3d(root, source["set_list"])
    return words_of_uco3d(root)


def source_name(source: ViewSequence) -> str:
    """What decides the order of imports and what is held out: as the source spells it."""
    return f"{folder_name(source.class_word)}/{source.sequence}"


def key_of(source: ViewSequence) -> str:
    """What no other sequence of a source has."""
    return f"{source_name(source)} of {source.origin}"


def names_of(sources: Iterable[ViewSequence]) -> dict[str, str]:
    """The folder of each sequence below the root, by its key, no two of them the same."""
    by_word: dict[str, dict[str, str]] = defaultdict(dict)
    for one in sources:
        by_word[one.class_word][key_of(one)] = one.sequence
    return {
        key: f"{folder_name(word)}/{name}"
        for word, texts in by_word.items()
        for key, name in file_names(texts).items()
    }


def _unique(listing: Listing) -> tuple[list[ViewSequence], list[Fault]]:
    """The sequences, and those that the source lists once more."""
    found: dict[str, ViewSequence] = {}
    twice = []
    for one in sorted(listing.sequences, key=key_of):
        if found.setdefault(key_of(one), one) is not one:
            where = f"{one.origin}: {one.sequence}"
            twice.append(Fault(where, "named twice", "the source lists it twice"))
    return list(found.values()), twice


class _Item:
    """A sequence to be imported."""

    def __init__(
        self, source: ViewSequence, name: str, resolution: int, views: int, licence: str
    ) -> None:
        self.source, self.resolution, self.views, self.licence = source, resolution, views, licence
        self.name, self.origin = name, source.origin

    def make(self) -> Made:
        files: dict[str, bytes] = {}
        faults, count, digest = [], 0, hashlib.sha256()
        for view in self.source.views(self.views, digest):
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
            count += 1
        where = f"{self.origin}: {self.source.sequence}"
        if count < 2:
            detail = f"{count} of at most {self.views} frames can be used, expected two or more"
            return Made(faults=[*faults, Fault(where, "too few frames", detail)])
        row = {
            "class_word": self.source.class_word,
            "sequence": self.name.partition("/")[2],
            "licence": self.licence,
            "source": self.origin,
            "frames": str(count),
            "sha256": digest.hexdigest(),
        }
        return Made(files, row, faults)


def _list_sequences(source: Mapping[str, Any]) -> Listing:
    if source["kind"] == "mvimgnet":
        return list_mvimgnet(source["path"])
    if source["kind"] == "syncd":
        return list_syncd(source["path"])
    return list_uco3d(source["path"], source["set_list"])
