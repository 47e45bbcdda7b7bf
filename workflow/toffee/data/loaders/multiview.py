"""Multi-view sequences: one object seen from several sides (the layout of MVImgNet).

    <root>/<class_word>/<sequence>/images/000.jpg ...
    <root>/<class_word>/<sequence>/masks/000.png ...      (see `toffee.data.masks`)
    <root>/<class_word>/<sequence>/cameras.json           optional
    <root>/licences.csv                                   optional: class_word, sequence, licence

An underscore in a folder's name stands for a space of the class word.
"""

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toffee.data.loaders.images import image_size, list_images, read_array, read_mask_array
from toffee.data.masks import masks_beside
from toffee.data.tables import read_table
from toffee.data.texts import read_text
from toffee.data.walk import list_folder
from toffee.provenance.digests import parse_json
from toffee.runtime.errors import ToffeeError

LICENCES = "licences.csv"
LICENCE_COLUMNS = ("class_word", "sequence", "licence")
LARGEST_CAMERAS = 1 << 24
"""Bytes of a cameras.json: a frame's camera takes less than 1,000."""


@dataclass(frozen=True)
class Sequence:
    """Frames of one object; `frames[i]` and `masks[i]` belong together.

    Attributes:
        sequence: its folder's name, which another class may have too.
        subject: a name that no other sequence has: the folder's, after its class where it has to.
    """

    class_word: str
    sequence: str
    subject: str
    folder: Path
    frames: list[Path]
    masks: list[Path]

    def __len__(self) -> int:
        return len(self.frames)

    def cameras(self) -> Any:
        """The content of cameras.json, or None where there is none.

        Raises:
            ToffeeError: the file is no JSON, or larger than `LARGEST_CAMERAS`.
        """
        path = self.folder / "cameras.json"
        if not path.exists():
            return None
        return parse_json(read_text(path, LARGEST_CAMERAS), path)


def load_multiview(root: str | os.PathLike, check: bool = False) -> list[Sequence]:
    """Find the sequences of a folder, sorted by class word and name.

    Args:
        root: the folder.
        check: also decode every frame and mask and compare their sizes. Off by default, because a
            real source has millions of frames; `read_image` finds a bad one when it is used.

    Raises:
        ToffeeError: the folder is missing or empty, a sequence has no frames or fewer than two, a
            frame has no mask, or (with `check`) a file is broken or a mask has another size.
    """
    root = Path(root)
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected <class word>/<sequence>/images")
    sequences = [
        _load_sequence(root, word, sequence)
        for word in _folders(root, "")
        for sequence in _folders(root, word)
    ]
    if not sequences:
        raise ToffeeError(f"{root}: empty folder, expected <class word>/<sequence>/images")
    if check:
        for sequence in sequences:
            _check(sequence)
    names = Counter(one.sequence for one in sequences)
    return [
        replace(one, subject=f"{one.class_word}/{one.sequence}") if names[one.sequence] > 1 else one
        for one in sequences
    ]


def load_licences(root: str | os.PathLike) -> dict[tuple[str, str], str]:
    """The licence of each sequence, by class word and name; none where the folder has no such file.

    Raises:
        ToffeeError: the file is no CSV, or a column is missing.
    """
    path = Path(root) / LICENCES
    if not path.exists():
        return {}
    return {
        (row["class_word"].replace("_", " "), row["sequence"]): row["licence"]
        for row in read_table(path, LICENCE_COLUMNS)
    }


def _folders(root: Path, below: str) -> list[str]:
    """The folders in one below the root, as paths below it."""
    found = list_folder(root, below)
    for fault in found.faults:
        raise ToffeeError(f"{root / fault.file}: {fault.reason} ({fault.detail})")
    return found.folders


def _load_sequence(root: Path, word: str, sequence: str) -> Sequence:
    folder = root / sequence
    frames = list_images(folder / "images", root)
    if len(frames) < 2:
        raise ToffeeError(f"{folder / 'images'}: one frame, expected two or more views")
    masks = masks_beside(folder, frames)
    return Sequence(word.replace("_", " "), folder.name, folder.name, folder, frames, masks)


def _check(sequence: Sequence) -> None:
    for frame, mask in zip(sequence.frames, sequence.masks, strict=True):
        read_array(frame)
        read_mask_array(mask, size=image_size(frame))
