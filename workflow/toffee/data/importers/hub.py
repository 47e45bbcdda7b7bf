"""Stream a data set of the Hugging Face hub or a local one: only imported rows are fetched.

Only formats of plain data are read (`FORMATS`): a data set whose files would be unpickled is
refused, and `datasets` runs no script of a repository.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toffee.data.faults import SetAside
from toffee.data.importers.cards import card_licence
from toffee.data.importers.columns import Column, find_column, labels, pictures, texts
from toffee.data.importers.sources import Picture
from toffee.data.pictures import read_file
from toffee.data.walk import walk_files
from toffee.runtime.errors import ToffeeError

FORMATS = ("arrow", "csv", "imagefolder", "json", "parquet")
LARGEST_TEXT = 1 << 28
"""Bytes of a local file of a text format, which is read in large parts."""
LARGEST_GROUP = 1 << 29
"""Bytes of a row group of a local Parquet file, which is read as a whole."""

_TEXTS = (".csv", ".json", ".jsonl", ".ndjson", ".md", ".yaml")


def stream_pictures(
    source: Mapping[str, Any], fault_of: Callable[[Mapping[str, Any]], str] = lambda row: ""
) -> Iterator[Picture]:
    """The pictures of a data set in its own order, row by row.

    Args:
        source: repo (with a revision on the hub, without one a folder), config or None, split, and
            the columns image, class_word and, or None, caption and mask; licence, or None for the
            card's. A column in a struct is named with a dot, `meta.label`.
        fault_of: why a row is set aside, "" where it is used.

    Raises:
        ToffeeError: the data set, its configuration, its split or a column is missing, a column has
            another type, the format is not known, or something in a folder cannot be used.
    """
    import datasets

    repo, revision = source["repo"], source["revision"]
    if revision is None:
        _check_folder(repo)
    try:
        builder = datasets.load_dataset_builder(repo, name=source.get("config"), revision=revision)
        format = type(builder).__module__.split(".")[-2]
        if format not in FORMATS:
            raise ToffeeError(f"{repo}: format {format}, expected one of {', '.join(FORMATS)}")
        stream = builder.as_streaming_dataset(split=source["split"])
        features = stream.features or stream._resolve_features().features
    except ToffeeError:
        raise
    except Exception as error:  # of datasets, huggingface_hub, fsspec and their HTTP client
        text = _first_line(error)
        if "onfig name is missing" in text or "BuilderConfig" in text:
            names = ", ".join(datasets.get_dataset_config_names(repo, revision=revision))
            text = f"data.real.subjects.config: expected one of {names}"
        raise ToffeeError(f"{repo}: cannot be read ({text})") from error
    columns: dict[str, Column] = {
        "image": find_column(repo, features, "image", source["image"], pictures),
        "class_word": find_column(repo, features, "class_word", source["class_word"], labels),
    }
    for key, check in (("caption", texts), ("mask", pictures)):
        if source[key] is not None:
            columns[key] = find_column(repo, features, key, source[key], check)
    licence = source["licence"] or card_licence(repo, revision)
    return _rows(stream.decode(False), columns, licence, repo, fault_of)


def _check_folder(repo: str) -> None:
    """What `datasets` would wait for, follow or read whole is refused before it sees it."""
    if not Path(repo).is_dir():
        raise ToffeeError(
            f"{repo}: no such folder, expected a data set (on the hub, give its revision too)"
        )
    found = walk_files(repo)
    for fault in found.faults:
        raise ToffeeError(f"{repo}/{fault.file}: {fault.reason} ({fault.detail})")
    for file in found.files:
        place = Path(repo, file)
        size = place.stat().st_size
        if file.lower().endswith(_TEXTS) and size > LARGEST_TEXT:
            raise ToffeeError(f"{place}: {size} bytes of text, expected Parquet")
        if file.lower().endswith(".parquet"):
            _check_parquet(place)


def _check_parquet(path: Path) -> None:
    import pyarrow.parquet

    try:
        metadata = pyarrow.parquet.read_metadata(path)
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        largest = max((group.total_byte_size for group in groups), default=0)
    except (OSError, ValueError):
        return  # a torn file is named where its rows are needed
    if largest > LARGEST_GROUP:
        raise ToffeeError(f"{path}: a row group of {largest} bytes, expected smaller ones")


def _rows(
    stream: Any,
    columns: Mapping[str, Column],
    licence: str,
    repo: str,
    fault_of: Callable[[Mapping[str, Any]], str],
) -> Iterator[Picture]:
    rows = iter(stream)
    for number in range(1 << 62):
        try:
            row = next(rows, None)
        except Exception as error:
            raise ToffeeError(
                f"{repo}, row {number}: cannot be read ({_first_line(error)})"
            ) from error
        if row is None:
            return
        file = f"{repo}, row {number}"
        cells = {key: column.of(row) for key, column in columns.items()}
        aside = fault_of(row)
        yield Picture(
            name=f"{number:08d}",
            word=cells["class_word"] or "",
            caption=partial(str, cells.get("caption") or ""),
            licence=licence,
            file=file,
            image=partial(_set_aside, file, aside)
            if aside
            else _reader(cells["image"], repo, file, "missing image"),
            mask=_reader(cells["mask"], repo, file, "missing mask") if "mask" in cells else None,
        )


def _set_aside(file: str, detail: str) -> bytes:
    raise SetAside(file, "low score", detail)


def _reader(value: Any, repo: str, file: str, reason: str) -> Callable[[], bytes]:
    return partial(_bytes, value or {}, repo, file, reason)


def _bytes(value: Any, repo: str, file: str, reason: str) -> bytes:
    """The bytes of a picture, from its row or from a file of the data set that the row names."""
    from datasets.utils.file_utils import xopen

    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        value = {"path": value}
    if value.get("bytes") is not None:
        return bytes(value["bytes"])
    path = value.get("path")
    if not path:
        raise SetAside(file, reason, "the row has none")
    if not _belongs(path, repo):
        raise SetAside(file, reason, f"{path} is no file of the data set")
    try:
        if "://" not in path:
            return read_file(path)
        with xopen(path, "rb") as opened:
            return bytes(opened.read())
    except Exception as error:
        raise SetAside(file, reason, f"{path}: {_first_line(error)}") from error


def _belongs(path: str, repo: str) -> bool:
    """Whether a path, or the archive that it lies in, is the data set's own: a row could name any
    file of this machine."""
    place = path.split("::")[-1]
    if place.startswith(f"hf://datasets/{repo}@"):
        return ".." not in place.split("/")
    root = Path(repo)
    try:
        return root.is_dir() and Path(place).resolve().is_relative_to(root.resolve())
    except (OSError, ValueError):  # a name with a NUL
        return False


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
