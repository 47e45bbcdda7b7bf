"""The image folder of training subjects.

    <root>/metadata.csv            file_name, subject, class_word, caption, optional: licence
    <root>/images/<name>.jpg       one picture per subject
    <root>/masks/<name>.png        optional: where the subject is (see `toffee.data.masks`)

`file_name` is relative to the root (as the `imagefolder` of Hugging Face `datasets` has it) or to
`images/`. A single bad picture does not stop a run: it is set aside with a reason.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from toffee.data.faults import Fault
from toffee.data.loaders.images import IMAGE_SUFFIXES, read_array, read_mask_array
from toffee.data.masks import IMAGES, MASKS, Masks, NoMask
from toffee.data.tables import read_table
from toffee.data.walk import leaves, walk_files
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path

METADATA = "metadata.csv"
COLUMNS = ("file_name", "subject", "class_word", "caption")
QUARANTINE_COLUMNS = ("subject", "file", "reason", "detail")


@dataclass(frozen=True)
class Subject:
    """One subject with one picture; `image` and `mask` are paths that exist and decode.

    licence: of the picture, "" where metadata.csv says nothing.
    """

    subject: str
    class_word: str
    caption: str
    image: Path
    mask: Path | None
    licence: str = ""


@dataclass(frozen=True)
class Quarantined:
    """A picture that was set aside: `file` relative to the root."""

    subject: str
    file: str
    reason: str
    detail: str


@dataclass(frozen=True)
class SubjectFolder:
    """The usable subjects in the order of metadata.csv, and what was set aside."""

    root: Path
    subjects: list[Subject]
    quarantine: list[Quarantined]

    def __len__(self) -> int:
        return len(self.subjects)

    def relative(self, path: Path | None) -> str:
        """A path below the root as a text with forward slashes; "" for None."""
        return "" if path is None else path.relative_to(self.root).as_posix()


def load_subjects(root: str | os.PathLike) -> SubjectFolder:
    """Read an image folder and decode every picture and mask.

    Where the folder has `masks/`, every picture needs one.

    Args:
        root: the folder.

    Raises:
        ToffeeError: the folder, metadata.csv or one of its columns is missing, the folder is empty,
            a row is malformed (empty value, a subject named twice, a path that leaves the folder),
            or every picture was set aside.
    """
    root = Path(root)
    rows = _read_metadata(root)
    found = walk_files(root)
    masks = [file.removeprefix(f"{MASKS}/") for file in found.files if file.startswith(f"{MASKS}/")]
    files = {file for file in found.files if not file.startswith(f"{MASKS}/")}
    pictures = {file for file in files if file.lower().endswith(IMAGE_SUFFIXES)}
    if IMAGES in found.folders and not any(one.startswith(f"{IMAGES}/") for one in pictures):
        expected = ", ".join(IMAGE_SUFFIXES)
        raise ToffeeError(f"{root / IMAGES}: empty folder, expected {expected} files")
    for row in rows:
        row["file_name"] = _file(row["file_name"], files)
    _check_unique(root / METADATA, rows, "file_name")
    listed = {row["file_name"] for row in rows}
    faults = {fault.file: fault for fault in found.faults}
    planes = Masks(pictures | listed, masks) if MASKS in found.folders else None
    check = _Check(root, files, faults, planes)
    results = [check.row(row) for row in rows]
    subjects = [one for one in results if isinstance(one, Subject)]
    quarantine = [one for one in results if isinstance(one, Quarantined)]
    unused = [] if planes is None else [f"{MASKS}/{mask}" for mask in planes.left()]
    left = [(fault.file, fault.reason, fault.detail) for fault in found.faults]
    left += [(file, "mask of no picture", "no row has it") for file in unused]
    left += _unlisted(files - listed, pictures)
    named = {one.file for one in quarantine}
    quarantine += [Quarantined(Path(one[0]).stem, *one) for one in left if one[0] not in named]
    if not subjects:
        first = quarantine[0]
        raise ToffeeError(
            f"{root}: none of {len(rows)} images is usable, "
            f"e.g. {first.file}: {first.reason}; expected at least one"
        )
    return SubjectFolder(root, subjects, quarantine)


def write_quarantine(quarantine: Sequence[Quarantined], path: str | os.PathLike) -> None:
    """Write what was set aside as CSV; just the header (`QUARANTINE_COLUMNS`) if nothing was."""
    frame = pd.DataFrame(
        [(item.subject, item.file, item.reason, item.detail) for item in quarantine],
        columns=list(QUARANTINE_COLUMNS),
    )
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False)


def _read_metadata(root: Path) -> list[dict[str, str]]:
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected an image folder with metadata.csv")
    if not any(root.iterdir()):
        raise ToffeeError(f"{root}: empty folder, expected images/ and metadata.csv")
    path = root / METADATA
    if not path.exists():
        raise ToffeeError(f"{path}: no such file, expected the columns {', '.join(COLUMNS)}")
    rows = read_table(path, COLUMNS, ("licence",))
    if not rows:
        raise ToffeeError(f"{path}: no rows, expected one for each image")
    _check_rows(path, root, rows)
    return rows


def _check_rows(path: Path, root: Path, rows: list[dict[str, str]]) -> None:
    for number, row in enumerate(rows, start=1):
        for name in ("file_name", "subject", "class_word"):
            if not row[name]:
                raise ToffeeError(f"{path}, row {number}: {name} is empty, expected a value")
        if leaves(row["file_name"]):
            raise ToffeeError(
                f"{path}, row {number}: file_name {row['file_name']!r} leaves the folder, "
                f"expected a path below {root}"
            )
    for name in ("subject", "file_name"):
        _check_unique(path, rows, name)


def _check_unique(path: Path, rows: list[dict[str, str]], name: str) -> None:
    value, count = Counter(row[name] for row in rows).most_common(1)[0]
    if count > 1:
        raise ToffeeError(f"{path}: {name} {value!r} is in {count} rows, expected one")


def _file(given: str, files: Set[str]) -> str:
    """The path below the root that a file name of metadata.csv means."""
    path = os.path.normpath(given)
    return next((one for one in (path, f"{IMAGES}/{path}") if one in files), path)


@dataclass(frozen=True)
class _Check:
    """Decodes the picture and the mask of a row.

    Attributes:
        root: the image folder.
        files: its files, and `faults` what cannot be used of it, by path below the root.
        masks: None where there are none.
    """

    root: Path
    files: Set[str]
    faults: Mapping[str, Fault]
    masks: Masks | None

    def row(self, row: Mapping[str, str]) -> Subject | Quarantined:
        file = row["file_name"]

        def aside(path: str, reason: str, detail: object) -> Quarantined:
            return Quarantined(row["subject"], path, reason, str(detail))

        mask, no_mask = self._mask(file)
        if fault := self.faults.get(file):
            return aside(file, fault.reason, fault.detail)
        if file not in self.files:
            return aside(file, "missing image", f"{self.root / file}: no such file")
        try:
            height, width = read_array(self.root / file).shape[:2]
        except ToffeeError as error:
            return aside(file, "broken image", error)
        if no_mask:
            return aside(file, "missing mask", no_mask)
        if mask is not None and (reason := self._mask_fault(self.root / mask, (width, height))):
            return aside(mask, *reason)
        words = row["subject"], row["class_word"], row["caption"]
        place = None if mask is None else self.root / mask
        return Subject(*words, self.root / file, place, row["licence"])

    def _mask(self, file: str) -> tuple[str | None, str]:
        """The mask of a picture, or else why it has none where it needs one."""
        try:
            return (None if self.masks is None else f"{MASKS}/{self.masks.of(file)}"), ""
        except NoMask as error:
            return None, str(error)

    def _mask_fault(self, mask: Path, size: tuple[int, int]) -> tuple[str, object] | None:
        try:
            pixels = read_mask_array(mask)
        except ToffeeError as error:
            return "broken mask", error
        try:
            if pixels.shape[::-1] != size:
                read_mask_array(mask, size=size)
        except ToffeeError as error:
            return "mask of another size", error
        return None if pixels.any() else ("empty mask", f"{mask}: no pixel is set")


def _unlisted(left: Set[str], pictures: Set[str]) -> list[tuple[str, str, str]]:
    """Pictures that metadata.csv has not, and what is in images/ and no picture."""
    expected = f"expected {', '.join(IMAGE_SUFFIXES)}"
    found = []
    for file in sorted(left):
        if file in pictures:
            found.append((file, "not in metadata.csv", "no row of metadata.csv names it"))
        elif file.startswith(f"{IMAGES}/"):
            found.append((file, "no picture", expected))
    return found
