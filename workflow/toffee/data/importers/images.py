"""A folder of pictures.

    <root>/<class word>/<name>.jpg        or anywhere, if a table has their class words
    <root>/<class word>/<name>.txt        optional: the picture's caption
    <root>/masks/<class word>/<name>.png  optional, for all pictures or none (see `data.masks`)
    <root>/captions.csv                   optional: file_name, any of class_word, caption, licence

A table may be called captions.csv, metadata.csv or metadata.jsonl, and be in any folder; its file
names are relative to that (as in `imagefolder` of Hugging Face `datasets`). It takes precedence
over the folder's name and the .txt file. `masks/` may be in any folder too.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from toffee.data.faults import Fault, SetAside
from toffee.data.importers.sources import Picture, Pictures
from toffee.data.loaders.images import IMAGE_SUFFIXES
from toffee.data.masks import IMAGES, MASKS, Masks, NoMask
from toffee.data.pictures import read_file
from toffee.data.tables import read_table
from toffee.data.texts import read_text
from toffee.data.walk import leaves, walk_files
from toffee.runtime.errors import ToffeeError
from toffee.runtime.text import printable

TABLES = ("captions.csv", "metadata.csv", "metadata.jsonl")
CAPTION = ".txt"
LONGEST_CAPTION = 10_000
"""Bytes of a caption's file, and characters of a caption."""

_COLUMNS = ("class_word", "caption", "licence")
_OTHER_NAMES = {"text": "caption", "class": "class_word", "license": "licence"}
_SPLITS = {"train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval"}


@dataclass(frozen=True)
class _Sorted:
    """The files of a folder by what they are; all paths are relative to the root."""

    pictures: list[str]
    captions: dict[str, str]  # path without a suffix → file
    tables: dict[str, list[str]]  # folder → names of tables
    masks: dict[str, list[str]]  # folder that has masks/ → paths in there
    others: list[str]


def list_images(root: str | os.PathLike[str], word: str | None = None) -> Pictures:
    """List the pictures of a folder and of the folders in it; each other file is a fault.

    Args:
        root: the folder.
        word: class word of pictures that neither a table nor a folder gives one.

    Raises:
        ToffeeError: the folder is missing or holds no picture, or a table is malformed.
    """
    root = Path(root)
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected pictures")
    found = walk_files(root)
    files, faults = _sort(found.files), list(found.faults)
    known = _known(root, files, found.files, faults)
    names = sorted({*files.pictures, *known})
    masks = _masks(files, names)
    splits = {name.partition("/")[0] for name in names if "/" in name}
    words = partial(_word, splits if splits <= _SPLITS else set())
    pictures = []
    for name in names:
        row = known.get(name, {})
        caption = row.get("caption") or files.captions.get(str(PurePosixPath(name).with_suffix("")))
        pictures.append(
            Picture(
                name=str(PurePosixPath(name).with_suffix("")),
                word=row.get("class_word") or words(name) or word or "",
                licence=row.get("licence", ""),
                file=name,
                image=partial(_read, root, name, name, "missing image"),
                mask=partial(_read_mask, root, masks[name], name) if files.masks else None,
                caption=partial(_caption, root, name, caption or "", bool(row.get("caption"))),
            )
        )
    if not pictures:
        some = f", e.g. {faults[0].file}: {faults[0].reason}" if faults else ""
        expected = ", ".join(IMAGE_SUFFIXES)
        raise ToffeeError(f"{root}: empty folder, expected {expected} files{some}")
    return Pictures(pictures, faults + _left(files, names, masks))


def is_list(text: str) -> bool:
    """Whether a text is a list or a mapping that a program has written as text."""
    return text.strip()[:1] + text.strip()[-1:] in ("[]", "{}")


def _sort(files: list[str]) -> _Sorted:
    found = _Sorted([], {}, defaultdict(list), defaultdict(list), [])
    for file in files:
        path = PurePosixPath(file)
        if MASKS in path.parts[:-1]:
            place = path.parts.index(MASKS)
            found.masks["/".join(path.parts[:place])].append("/".join(path.parts[place + 1 :]))
        elif path.name in TABLES:
            found.tables[_folder(path)].append(path.name)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            found.pictures.append(file)
        elif path.suffix.lower() == CAPTION:
            found.captions[str(path.with_suffix(""))] = file
        else:
            found.others.append(file)
    return found


def _known(
    root: Path, files: _Sorted, there: list[str], faults: list[Fault]
) -> dict[str, dict[str, str]]:
    """What the tables say of the pictures that are there; what is not there is a fault."""
    known: dict[str, dict[str, str]] = {}
    by_name = {unicodedata.normalize("NFC", name): name for name in there} | {n: n for n in there}
    aside = {fault.file for fault in faults}
    for folder, names in sorted(files.tables.items()):
        chosen, *unused = sorted(names, key=TABLES.index)
        faults += [
            Fault(f"{folder}/{name}".lstrip("/"), "unused table", f"{chosen} is read instead")
            for name in unused
        ]
        table = root / folder / chosen
        rows = read_table(table, ("file_name",), _COLUMNS, _OTHER_NAMES)
        for number, row in enumerate(rows, start=1):
            given = row["file_name"]
            file = os.path.normpath(f"{folder}/{given}" if folder else given)
            if os.path.isabs(given) or leaves(file):
                raise ToffeeError(
                    f"{table}, row {number}: file_name {given!r}, expected one below {root}"
                )
            name = by_name.get(file) or by_name.get(unicodedata.normalize("NFC", file)) or file
            if name in known:
                raise ToffeeError(f"{table}, row {number}: {name} is in two rows, expected one")
            known[name] = row
    for name in sorted(set(known) - set(there)):
        del known[name]
        if printable(name) not in aside:
            faults.append(Fault(name, "missing image", "no such file, but a table names it"))
    return known


def _masks(files: _Sorted, names: list[str]) -> dict[str, str | NoMask]:
    """The mask of each picture, relative to the root, or why it has none."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        above = PurePosixPath(name).parts[:-1]
        nearest = ("/".join(above[:count]) for count in range(len(above), -1, -1))
        groups[next((folder for folder in nearest if folder in files.masks), "")].append(name)
    found: dict[str, str | NoMask] = {}
    for folder, some in groups.items():
        below = {name: name.removeprefix(f"{folder}/") for name in some}
        masks = Masks(below.values(), files.masks.get(folder, []))
        for name, picture in below.items():
            try:
                found[name] = f"{folder}/{MASKS}/{masks.of(picture)}".lstrip("/")
            except NoMask as error:
                found[name] = error
    return found


def _left(files: _Sorted, names: list[str], masks: Mapping[str, str | NoMask]) -> list[Fault]:
    """What no picture has used, and no table has named."""
    used, stems = set(masks.values()), {str(PurePosixPath(name).with_suffix("")) for name in names}
    planes = [
        f"{folder}/{MASKS}/{name}".lstrip("/")
        for folder, some in files.masks.items()
        for name in some
    ]
    lost = [name for stem, name in files.captions.items() if stem not in stems]
    formats = f"expected {', '.join(IMAGE_SUFFIXES)}"
    return [
        *(Fault(p, "mask of no picture", "no picture has it") for p in planes if p not in used),
        *(Fault(name, "no picture", "a caption of no picture") for name in lost),
        *(Fault(name, "no picture", formats) for name in files.others if name not in names),
    ]


def _folder(path: PurePosixPath) -> str:
    """The folder that a path is in, "" for the root."""
    return "/".join(path.parts[:-1])


def _word(splits: set[str], name: str) -> str:
    """The class word by a picture's folder; names of splits and `images` are none."""
    folders = [part for part in PurePosixPath(name).parts[:-1] if part != IMAGES]
    return folders[-1] if folders and not (len(folders) == 1 and folders[0] in splits) else ""


def _read(root: Path, name: str, file: str, reason: str) -> bytes:
    try:
        return read_file(root / name)
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or error
        raise SetAside(file, reason, f"{name}: {detail}") from error


def _read_mask(root: Path, mask: str | NoMask, file: str) -> bytes:
    if isinstance(mask, NoMask):
        raise SetAside(file, "missing mask", mask)
    return _read(root, mask, file, "missing mask")


def _caption(root: Path, file: str, caption: str, is_text: bool) -> str:
    """A caption, of a table or out of a file."""
    if not is_text and caption:
        try:
            caption = read_text(root / caption, LONGEST_CAPTION)
        except ToffeeError as error:
            raise SetAside(file, "broken caption", error) from error
    return caption
