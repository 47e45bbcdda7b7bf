"""A folder of pictures.

    <root>/<class word>/<name>.jpg        or anywhere, if captions.csv has their class words
    <root>/<class word>/<name>.txt        optional: the picture's caption
    <root>/masks/<class word>/<name>.png  optional, for all pictures or none
    <root>/captions.csv                   optional: file_name, any of class_word, caption, licence

A value in captions.csv (or metadata.csv, or metadata.jsonl, as in `imagefolder` of Hugging Face
`datasets`) takes precedence over the folder's name and the .txt file.
"""

import os
from functools import partial
from pathlib import Path

import pandas as pd

from toffee.data.importers.faults import SetAside
from toffee.data.importers.sources import Picture
from toffee.data.loaders.images import IMAGE_SUFFIXES
from toffee.runtime.errors import ToffeeError

TABLES = ("captions.csv", "metadata.csv", "metadata.jsonl")
MASKS = "masks"
_OTHER_NAMES = {"text": "caption", "class": "class_word", "license": "licence"}


def list_images(root: str | os.PathLike) -> list[Picture]:
    """List the pictures of a folder and of the folders in it.

    Raises:
        ToffeeError: the folder is missing or holds no picture, or its table is malformed.
    """
    root = Path(root)
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected pictures")
    known = _table(root)
    has_masks = (root / MASKS).is_dir()
    pictures = [
        _picture(root, file, known.get(file, {}), has_masks)
        for file in sorted({*_files(root), *known})
    ]
    if not pictures:
        raise ToffeeError(f"{root}: empty folder, expected {', '.join(IMAGE_SUFFIXES)} files")
    return pictures


def _files(root: Path) -> list[str]:
    found = []
    for where, folders, names in os.walk(root, followlinks=True):
        below = Path(where).relative_to(root)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (below.parts or name != MASKS)
        )
        found += [
            (below / name).as_posix()
            for name in names
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")
        ]
    return found


def _picture(root: Path, file: str, known: dict[str, str], has_masks: bool) -> Picture:
    path = Path(file)
    text = (root / file).with_suffix(".txt")
    caption = known.get("caption", "")
    if not caption and text.is_file():
        caption = text.read_text(encoding="utf-8", errors="replace")
    mask = root / MASKS / path.with_suffix(".png")
    return Picture(
        name=str(path.with_suffix("")),
        word=known.get("class_word") or path.parent.name,
        caption=caption,
        licence=known.get("licence", ""),
        file=file,
        image=partial(_read, root / file, file, "missing image"),
        mask=partial(_read, mask, file, "missing mask") if has_masks else None,
    )


def _read(path: Path, file: str, reason: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetAside(file, reason, f"{path}: {error.strerror}") from error


def _table(root: Path) -> dict[str, dict[str, str]]:
    """The folder's table: file → column → text."""
    path = next((root / name for name in TABLES if (root / name).is_file()), None)
    if path is None:
        return {}
    try:
        if path.suffix == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        else:
            frame = pd.read_json(path, lines=True, dtype=False)
    except (OSError, ValueError) as error:  # pandas' ParserError and EmptyDataError are such too
        raise ToffeeError(f"{path}: cannot be read ({error})") from error
    frame = frame.rename(columns=_OTHER_NAMES)
    if "file_name" not in frame:
        raise ToffeeError(f"{path}: column file_name is missing")
    rows: dict[str, dict[str, str]] = {}
    for number, record in enumerate(frame.fillna("").astype(str).to_dict("records"), start=1):
        row = {str(name): value for name, value in record.items()}
        file = Path(row["file_name"]).as_posix()
        if not (root / file).resolve().is_relative_to(root.resolve()) or file == ".":
            raise ToffeeError(
                f"{path}, row {number}: file_name {row['file_name']!r}, expected one below {root}"
            )
        if file in rows:
            raise ToffeeError(f"{path}, row {number}: {file} is in two rows, expected one")
        rows[file] = row
    return rows
