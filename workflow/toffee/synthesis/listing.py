"""What the plan chooses from: the usable subjects, and the frames that lend them their poses.

The photographs are looked into once, here; the plan of a shard reads two small tables.
"""

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toffee.config.licences import combined
from toffee.data.loaders.multiview import load_licences, load_multiview
from toffee.data.loaders.subjects import Quarantined, SubjectFolder, load_subjects, write_quarantine
from toffee.provenance.digests import sha256_of
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path

FOLDER = b"folder_sha256"  # key in the lists' metadata


@dataclass(frozen=True)
class ListedSubject:
    """A subject whose picture, and mask where there are masks, can be read.

    `image` and `mask` are relative to the subjects' folder, mask "" for none; `licence` is the
    picture's (see `toffee.config.licences`).
    """

    subject: str
    class_word: str
    caption: str
    image: str
    mask: str
    licence: str


MULTIVIEW, SUBJECTS = "multiview", "subjects"
"""The folder that a donor's frame lies in."""


class Donor(NamedTuple):
    """A picture that lends its pose, its licence, and the folder that it is relative to."""

    frame: str
    licence: str
    folder: str = MULTIVIEW


SUBJECT_COLUMNS = tuple(field.name for field in fields(ListedSubject))
DONOR_COLUMNS = ("class_word", *Donor._fields)


def list_subjects(
    subjects: str | os.PathLike[str],
    multiview: str | os.PathLike[str],
    out: str | os.PathLike[str],
    donors: str | os.PathLike[str],
    quarantine: str | os.PathLike[str],
    subject_poses: bool = False,
) -> None:
    """List the usable subjects, and the pictures of other objects of their classes that lend poses.

    Args:
        subjects: image folder (see `load_subjects`).
        multiview: multi-view folder (see `load_multiview`).
        out: Parquet file to write, a row a subject (`SUBJECT_COLUMNS`) in the folder's order.
        donors: Parquet file to write, a row a picture: class_word, frame, licence, and the folder
            that frame is relative to (multiview or subjects).
        quarantine: CSV file to write with the pictures that were set aside.
        subject_poses: whether the subjects of a class without sequences are its donors, where
            there are at least two.

    Raises:
        ToffeeError: a folder is missing or malformed, or no subject's class word has a multi-view
            sequence; nothing is written then.
    """
    folder = load_subjects(subjects)
    frames = _frames(Path(multiview))
    if subject_poses:
        frames |= _subjects_as_donors(folder, set(frames))
    poseless = [one for one in folder.subjects if one.class_word not in frames]
    if len(poseless) == len(folder):
        words = ", ".join(sorted({one.class_word for one in poseless})[:5])
        raise ToffeeError(
            f"{multiview}: no sequence of any subject's class ({words}), "
            "expected <class word>/<sequence>/images"
        )
    aside = [
        Quarantined(
            one.subject,
            folder.relative(one.image),
            "no sequence of its class",
            f"{multiview}: no sequence of class {one.class_word!r} lends it a pose",
        )
        for one in poseless
    ]
    listed = [
        ListedSubject(
            one.subject,
            one.class_word,
            one.caption,
            folder.relative(one.image),
            folder.relative(one.mask),
            combined([one.licence]),
        )
        for one in folder.subjects
        if one.class_word in frames
    ]
    classes = sorted({one.class_word for one in listed})
    rows = [(word, *frame) for word in classes for frame in frames[word]]
    _write(out, pd.DataFrame(map(asdict, listed)), sha256_of(Path(subjects)))
    _write(donors, pd.DataFrame(rows, columns=list(DONOR_COLUMNS)), sha256_of(Path(multiview)))
    write_quarantine([*folder.quarantine, *aside], quarantine)


def read_subjects(path: str | os.PathLike[str]) -> list[ListedSubject]:
    """Read the usable subjects. Raises ToffeeError where the file is no list of them."""
    rows = _read(path, SUBJECT_COLUMNS)
    return [ListedSubject(*row) for row in rows.itertuples(index=False)]


def read_donors(path: str | os.PathLike[str]) -> dict[str, list[Donor]]:
    """Read the frames of each class word. Raises ToffeeError where the file is no list of them."""
    donors: dict[str, list[Donor]] = {}
    for word, *donor in _read(path, DONOR_COLUMNS).itertuples(index=False):
        donors.setdefault(word, []).append(Donor(*donor))
    return donors


def _write(path: str | os.PathLike[str], rows: pd.DataFrame, folder: str) -> None:
    """Write a list, and in its metadata the SHA-256 of the folder that it lists: other pictures of
    the same names have to make it another file, or Snakemake would take the plans for current."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata({**table.schema.metadata, FOLDER: folder})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def _read(path: str | os.PathLike[str], columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=list(columns))
    except (OSError, ValueError) as error:
        expected = ", ".join(columns)
        raise ToffeeError(f"{path}: expected a Parquet file with {expected}") from error


def _subjects_as_donors(folder: SubjectFolder, others: set[str]) -> dict[str, list[Donor]]:
    """Class word → pictures of its subjects, for all but some classes, where there are several."""
    donors: dict[str, list[Donor]] = {}
    for one in folder.subjects:
        if one.class_word not in others:
            donor = Donor(folder.relative(one.image), combined([one.licence]), SUBJECTS)
            donors.setdefault(one.class_word, []).append(donor)
    return {word: some for word, some in donors.items() if len(some) > 1}


def _frames(multiview: Path) -> dict[str, list[Donor]]:
    """Class word → frames of all its sequences, relative to the multi-view folder."""
    licences = load_licences(multiview)
    frames: dict[str, list[Donor]] = {}
    for sequence in load_multiview(multiview):
        licence = combined([licences.get((sequence.class_word, sequence.sequence), "")])
        frames.setdefault(sequence.class_word, []).extend(
            Donor(frame.relative_to(multiview).as_posix(), licence) for frame in sequence.frames
        )
    return frames
