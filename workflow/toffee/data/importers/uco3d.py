"""uCO3D (facebookresearch/uco3d, arXiv 2501.07574) as released: the open alternative to MVImgNet.

The layout, from the README and the loader of its repository (CC BY 4.0):

    metadata.sqlite                              table sequence_annots: sequence_name, category,
                                                 super_category, _video_path, _mask_video_path
    set_lists/set_lists_<name>.sqlite            table set_lists: sequence_name and others
    <super category>/<category>/<sequence>/rgb_video.mp4
    <super category>/<category>/<sequence>/mask_video.mkv     as long as the other, grey

Without metadata.sqlite, the sequences are those of the folders. A part of the release is enough:
sequences that were not downloaded are ignored. Frames are found by their time; only those that are
needed, and the frames from the key frame before them, are decoded. Masks are understood as
everywhere (`toffee.data.pictures`).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from toffee.data.faults import Fault, SetAside
from toffee.data.importers.databases import read_rows
from toffee.data.importers.sources import Digest, Listing, View
from toffee.data.importers.videos import read_frames
from toffee.data.importers.words import class_word
from toffee.data.pictures import set_values, upright
from toffee.data.walk import leaves, name_fault, walk_files
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest

LICENCE = "cc-by-4.0"
METADATA, TABLE = "metadata.sqlite", "sequence_annots"
COLUMNS = ("super_category", "category", "sequence_name", "_video_path", "_mask_video_path")
LISTS = "set_lists"
RGB, MASK = "rgb_video.mp4", "mask_video.mkv"


@dataclass(frozen=True)
class Turntable:
    """A sequence: its video and the video of its masks."""

    root: Path
    origin: str
    sequence: str
    class_word: str
    rgb: str
    mask: str

    def views(self, wanted: int, digest: Digest) -> Iterator[View | Fault]:
        self.read(wanted, digest)
        frames = read_frames(self.root / self.rgb, self.rgb, "rgb24", wanted=wanted)
        times = [time for time, _ in frames]
        masks = read_frames(self.root / self.mask, self.mask, "gray", times=times)
        for (time, pixels), (_, mask) in zip(frames, masks, strict=True):
            file = f"{self.rgb} at {time:.2f} s"
            try:
                yield View(file, Image.fromarray(pixels), upright(set_values(mask, 255), True))
            except ValueError as error:
                yield Fault(file, "broken mask", str(error))

    def read(self, wanted: int, digest: Digest) -> None:
        for name in (self.rgb, self.mask):
            if not (self.root / name).is_file():
                raise SetAside(name, "missing video", "no such file")
            try:
                digest.update(file_digest(self.root / name).encode())
            except ToffeeError as error:
                raise SetAside(name, "missing video", error) from error


def list_uco3d(root: str | Path, set_list: str | None = None) -> Listing:
    """List the sequences of a release that are there.

    Args:
        root: its folder.
        set_list: name of one of its lists, whose sequences alone count; None: all.

    Raises:
        ToffeeError: the folder is missing, a database is malformed, or the list is missing.
    """
    root = Path(root)
    chosen = check_uco3d(root, set_list)
    files = walk_files(root)
    has_metadata = (root / METADATA).exists()
    named = _of_metadata(root, {*files.folders}) if has_metadata else _of_folders(files.files)
    found, faults = [], files.faults
    for one in named:
        if isinstance(one, Fault):
            faults.append(one)
        elif word := class_word(one.category):
            found.append(
                Turntable(root, os.path.dirname(one.rgb), one.name, word, one.rgb, one.mask)
            )
        else:
            faults.append(Fault(one.rgb, "no class word", repr(one.category[:100])))
    if chosen is not None:
        rows = read_rows(chosen, "set_lists", ("sequence_name",), distinct=True)
        names = {name for (name,) in rows}
        found = [one for one in found if one.sequence in names]
    return Listing(found, faults, LICENCE)


def check_uco3d(root: Path, set_list: str | None = None) -> Path | None:
    """Look for what a listing begins with; gives the file of the set list.

    Args:
        root, set_list: as in `list_uco3d`; a list may be named as its file is, or by what stands
            between `set_lists_` and the suffix.

    Raises:
        ToffeeError: the folder or the list is missing.
    """
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected uCO3D's files")
    if set_list is None:
        return None
    name = set_list.removeprefix(f"{LISTS}_").removesuffix(".sqlite")
    path = root / LISTS / f"{LISTS}_{name}.sqlite"
    if not path.exists():
        there = sorted(one.stem.removeprefix(f"{LISTS}_") for one in path.parent.glob("*.sqlite"))
        expected = f"one of {', '.join(there)}" if there else f"a file in {path.parent}"
        raise ToffeeError(
            f"{path}: no such file, see data.real.multiview.set_list, expected {expected}"
        )
    return path


def words_of_uco3d(root: Path) -> set[str]:
    """The class words of the release's database, and those of its folders where it has none."""
    if (root / METADATA).exists():
        rows = read_rows(root / METADATA, TABLE, ("category",), distinct=True)
        return {class_word(category) for (category,) in rows} - {""}
    return {class_word(path.name) for path in root.glob("*/*") if path.is_dir()} - {""}


class _Named(NamedTuple):
    """A sequence as the release names it; its paths are below the root."""

    category: str
    name: str
    rgb: str
    mask: str


def _of_metadata(root: Path, folders: set[str]) -> Iterator[_Named | Fault]:
    for upper, category, name, rgb, mask in read_rows(root / METADATA, TABLE, COLUMNS):
        rgb = os.path.normpath(rgb or f"{upper}/{category}/{name}/{RGB}")
        mask = os.path.normpath(mask or f"{os.path.dirname(rgb)}/{MASK}")
        if reason := next(filter(None, (_path_fault(one) for one in (rgb, mask, name))), ""):
            yield Fault(f"{METADATA}: {name[:100]}", "unusable name", reason)
        elif os.path.dirname(rgb) in folders:  # else it was not downloaded
            yield _Named(category, name, rgb, mask)


def _path_fault(path: str) -> str:
    return f"path {path[:500]!r} leaves the folder" if leaves(path) else name_fault(path)


def _of_folders(files: list[str]) -> Iterator[_Named]:
    for file in files:
        if file.count("/") == 3 and file.endswith(f"/{RGB}"):
            folder = os.path.dirname(file)
            _, category, sequence = folder.split("/")
            yield _Named(category, sequence, file, f"{folder}/{MASK}")
