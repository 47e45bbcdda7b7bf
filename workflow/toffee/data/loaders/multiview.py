"""Multi-view sequences: one object seen from several sides (the layout of MVImgNet).

    <root>/<class_word>/<sequence>/images/000.jpg ...
    <root>/<class_word>/<sequence>/masks/000.png ...      (also 000.jpg.png, as MVImgNet has it)
    <root>/<class_word>/<sequence>/cameras.json           optional
    <root>/licences.csv                                   optional: class_word, sequence, licence

An underscore in a folder's name stands for a space of the class word.
"""

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toffee.data.loaders.images import image_size, list_images, read_image, read_mask
from toffee.runtime.errors import ToffeeError

LICENCES = "licences.csv"
LICENCE_COLUMNS = ("class_word", "sequence", "licence")


@dataclass(frozen=True)
class Sequence:
    """Frames of one object; `frames[i]` and `masks[i]` belong together."""

    class_word: str
    sequence: str
    folder: Path
    frames: list[Path]
    masks: list[Path]

    def __len__(self) -> int:
        return len(self.frames)

    def cameras(self) -> Any:
        """The content of cameras.json, or None where there is none.

        Raises:
            ToffeeError: the file is no JSON.
        """
        path = self.folder / "cameras.json"
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ToffeeError(f"{path}: not valid JSON: {error}") from error


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
        _load_sequence(class_folder.name.replace("_", " "), folder)
        for class_folder in _folders(root)
        for folder in _folders(class_folder)
    ]
    if not sequences:
        raise ToffeeError(f"{root}: empty folder, expected <class word>/<sequence>/images")
    if check:
        for sequence in sequences:
            _check(sequence)
    return sequences


def load_licences(root: str | os.PathLike) -> dict[tuple[str, str], str]:
    """The licence of each sequence, by class word and name; none where the folder has no such file.

    Raises:
        ToffeeError: the file is no CSV, or a column is missing.
    """
    path = Path(root) / LICENCES
    if not path.is_file():
        return {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in LICENCE_COLUMNS if name not in (reader.fieldnames or [])]
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ToffeeError(f"{path}: not a CSV file in UTF-8: {error}") from error
    if missing:
        columns = ", ".join(LICENCE_COLUMNS)
        raise ToffeeError(f"{path}: column {missing[0]} is missing, expected {columns}")
    return {
        (row["class_word"].replace("_", " "), row["sequence"]): (row["licence"] or "").strip()
        for row in rows
    }


def _folders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _load_sequence(class_word: str, folder: Path) -> Sequence:
    frames = list_images(folder / "images")
    if len(frames) < 2:
        raise ToffeeError(f"{folder / 'images'}: one frame, expected two or more views")
    return Sequence(
        class_word, folder.name, folder, frames, [_mask_of(folder, frame) for frame in frames]
    )


def _mask_of(folder: Path, frame: Path) -> Path:
    for name in (f"{frame.stem}.png", f"{frame.name}.png"):
        mask = folder / "masks" / name
        if mask.is_file():
            return mask
    raise ToffeeError(f"{frame}: no mask, expected {folder / 'masks' / frame.stem}.png")


def _check(sequence: Sequence) -> None:
    for frame, mask in zip(sequence.frames, sequence.masks, strict=True):
        read_image(frame)
        read_mask(mask, size=image_size(frame))
