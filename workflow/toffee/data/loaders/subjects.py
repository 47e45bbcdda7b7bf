"""The image folder of training subjects.

    <root>/metadata.csv            file_name, subject, class_word, caption, optional: licence
    <root>/images/<name>.jpg       one picture per subject
    <root>/masks/<name>.png        optional: where the subject is, in the picture's size

`file_name` is relative to the root (as the `imagefolder` of Hugging Face `datasets` has it) or to
`images/`. A single bad picture does not stop a run: it is set aside with a reason.
"""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from toffee.data.loaders.images import list_images, read_image, read_mask
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path

COLUMNS = ("file_name", "subject", "class_word", "caption")
REASONS = (
    "missing image",
    "broken image",
    "missing mask",
    "broken mask",
    "mask of another size",
    "empty mask",
    "not in metadata.csv",
    "no sequence of its class",
)
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
    """A picture that was set aside: `file` relative to the root, `reason` one of `REASONS`."""

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
    has_masks = (root / "masks").is_dir()
    subjects: list[Subject] = []
    quarantine: list[Quarantined] = []
    for row in rows:
        found = _check_row(root, row, has_masks)
        if isinstance(found, Subject):
            subjects.append(found)
        else:
            quarantine.append(found)
    quarantine += _unlisted(root, rows)
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
    path = root / "metadata.csv"
    if not path.is_file():
        raise ToffeeError(f"{path}: no such file, expected the columns {', '.join(COLUMNS)}")
    images = root / "images"
    if images.is_dir():
        list_images(images)  # says so in one line if there is none
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            rows = [
                {key: (value or "").strip() for key, value in row.items() if key} for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ToffeeError(f"{path}: not a CSV file in UTF-8: {error}") from error
    for name in COLUMNS:
        if name not in names:
            raise ToffeeError(
                f"{path}: column {name} is missing, expected the columns {', '.join(COLUMNS)}"
            )
    if not rows:
        raise ToffeeError(f"{path}: no rows, expected one for each image")
    _check_rows(path, root, rows)
    return rows


def _check_rows(path: Path, root: Path, rows: list[dict[str, str]]) -> None:
    for number, row in enumerate(rows, start=1):
        for name in ("file_name", "subject", "class_word"):
            if not row[name]:
                raise ToffeeError(f"{path}, row {number}: {name} is empty, expected a value")
        target = (root / row["file_name"]).resolve()
        if not target.is_relative_to(root.resolve()):
            raise ToffeeError(
                f"{path}, row {number}: file_name {row['file_name']!r} leaves the folder, "
                f"expected a path below {root}"
            )
    for name in ("subject", "file_name"):
        value, count = Counter(row[name] for row in rows).most_common(1)[0]
        if count > 1:
            raise ToffeeError(f"{path}: {name} {value!r} is in {count} rows, expected one")


def _image_path(root: Path, file_name: str) -> Path:
    direct = root / file_name
    below = root / "images" / file_name
    return below if below.is_file() and not direct.is_file() else direct


def _check_row(root: Path, row: dict[str, str], has_masks: bool) -> Subject | Quarantined:
    image = _image_path(root, row["file_name"])

    def aside(path: Path, reason: str, detail: object) -> Quarantined:
        return Quarantined(row["subject"], path.relative_to(root).as_posix(), reason, str(detail))

    if not image.is_file():
        return aside(image, "missing image", f"{image}: no such file")
    try:
        height, width = read_image(image).shape[1:]
    except ToffeeError as error:
        return aside(image, "broken image", error)
    mask = root / "masks" / f"{image.stem}.png" if has_masks else None
    if mask is not None:
        if not mask.is_file():
            return aside(mask, "missing mask", f"{mask}: no such file")
        try:
            pixels = read_mask(mask)
        except ToffeeError as error:
            return aside(mask, "broken mask", error)
        try:
            read_mask(mask, size=(width, height))
        except ToffeeError as error:
            return aside(mask, "mask of another size", error)
        if not pixels.any():
            return aside(mask, "empty mask", f"{mask}: no pixel is set")
    words = row["subject"], row["class_word"], row["caption"]
    return Subject(*words, image, mask, row.get("licence", ""))


def _unlisted(root: Path, rows: list[dict[str, str]]) -> list[Quarantined]:
    images = root / "images"
    if not images.is_dir():
        return []
    listed = {_image_path(root, row["file_name"]).resolve() for row in rows}
    return [
        Quarantined(
            path.stem,
            path.relative_to(root).as_posix(),
            "not in metadata.csv",
            f"{path}: no row in metadata.csv names it",
        )
        for path in list_images(images)
        if path.resolve() not in listed
    ]
