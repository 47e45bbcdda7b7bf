"""Stream a data set of the Hugging Face hub or a local one: only imported rows are fetched.

Only formats of plain data are read (`FORMATS`): a data set whose files would be unpickled is
refused, and `datasets` runs no script of a repository.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toffee.data.faults import SetAside
from toffee.data.importers.archives import list_members
from toffee.data.importers.cards import card_licence
from toffee.data.importers.columns import Column, find_column, labels, pictures, texts
from toffee.data.importers.sources import Picture
from toffee.data.pictures import LARGEST, read_file
from toffee.data.walk import walk_files
from toffee.runtime.errors import ToffeeError

FORMATS = ("arrow", "csv", "imagefolder", "json", "parquet")
LARGEST_TEXT = 1 << 28
"""Bytes of a local file of a text format, which is read in large parts."""
LARGEST_GROUP = 1 << 28
"""Bytes of a row group of a local Parquet file, before its dictionaries are looked up."""
LARGEST_BATCH = 1 << 27
"""Bytes of the rows of a Parquet file that are read at a time."""
MOST_VALUES = 1 << 26
"""Values of a column of a row group: as many take a few bytes where they are equal."""
REMOTE_ROWS = 16
"""Rows that are read at a time of a Parquet file whose size is not looked at before."""

_TEXTS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".md", ".yaml")
_PACKED = (".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".lzma", ".zst", ".lz4", ".7z", ".rar")
"""How large their content is, nothing says."""
_PACKED_BEGINS = tuple(
    bytes.fromhex(one) for one in ("1f8b", "425a68", "fd377a585a", "04224d18", "28b52ffd", "504b")
)
"""How files of gzip, bzip2, xz, lz4, zstd and zip begin, which `datasets` also unpacks where their
name has no ending that it knows."""
_PARQUET = (".parquet", ".geoparquet", ".gpq")


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
    listed = _check_folder(repo) if revision is None else None
    try:
        builder = datasets.load_dataset_builder(repo, name=source.get("config"), revision=revision)
        format = type(builder).__module__.split(".")[-2]
        if format not in FORMATS:
            raise ToffeeError(f"{repo}: format {format}, expected one of {', '.join(FORMATS)}")
        rows = REMOTE_ROWS if listed is None else _check_data(repo, format, builder, listed)
        if format == "parquet":
            builder.config.batch_size = rows
        stream = builder.as_streaming_dataset(split=source["split"])
        if not stream.features:  # a table of text says its types by its first rows only
            stream = stream._resolve_features()
        features = stream.features
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


def _check_folder(repo: str) -> set[str]:
    """What `datasets` would wait for, follow or read whole is refused before it sees it.

    Returns:
        The files of the folder, as `datasets` names them.
    """
    if not Path(repo).is_dir():
        raise ToffeeError(
            f"{repo}: no such folder, expected a data set (on the hub, give its revision too)"
        )
    found = walk_files(repo)
    for fault in found.faults:
        raise ToffeeError(f"{repo}/{fault.file}: {fault.reason} ({fault.detail})")
    for file in found.files:
        place, kind = Path(repo, file), Path(file).suffix.lower()
        if kind in _PACKED:
            raise ToffeeError(f"{place}: a packed file ({kind}), expected what it unpacks to")
        if kind == ".zip":
            _check_zip(place)
        elif kind in _TEXTS:
            _check_text(place, place.stat().st_size)
    root = Path(repo).resolve().as_posix()
    return {f"{root}/{file}" for file in found.files}


def _check_data(repo: str, format: str, builder: Any, listed: Collection[str]) -> int:
    """The files that a builder would read are the folder's own, and none holds more than it seems.

    The format counts, not the ending alone: to `datasets`, `a.parquet.x` is Parquet too.

    Returns:
        How many rows of its Parquet files may be read at a time.
    """
    largest = 1
    pictures = getattr(builder, "EXTENSIONS", ())  # they are read one by one, within bounds
    for file in (str(one) for some in builder.config.data_files.values() for one in some):
        kind = Path(file).suffix.lower()
        if file not in listed:  # a card names it; it may be an address, too
            raise ToffeeError(
                f"{repo}: its card leads to {file}: not among the files below the folder whose "
                "names do not begin with a dot, expected one of them"
            )
        if format == "arrow":
            raise ToffeeError(f"{file}: an Arrow file, whose rows have any size; expected Parquet")
        if format == "parquet" and kind == ".zip":
            raise ToffeeError(f"{file}: Parquet in a zip file, expected it unpacked")
        if kind in pictures or kind == ".zip":
            continue
        _check_begin(file)
        if format == "parquet" or kind in _PARQUET:
            largest = max(largest, _largest_group(Path(file)))
        else:
            _check_text(file, Path(file).stat().st_size)
    return max(1, LARGEST_BATCH // largest)


def _check_begin(path: str) -> None:
    with open(path, "rb") as file:
        if file.read(8).startswith(_PACKED_BEGINS):
            raise ToffeeError(
                f"{path}: it begins as a packed file does, expected what it unpacks to"
            )


def _check_text(place: str | Path, size: int) -> None:
    if size > LARGEST_TEXT:
        raise ToffeeError(f"{place}: {size} bytes of text, expected Parquet")


def _check_zip(path: Path) -> None:
    """Its members are texts of no great size, or other files; none is packed again."""
    try:
        members = list_members(path)
    except Exception as error:  # of zipfile and struct
        raise ToffeeError(f"{path}: unreadable zip file ({_first_line(error)})") from error
    for member in members:
        kind = Path(member.filename).suffix.lower()
        if kind in (*_PACKED, *_PARQUET, ".zip", ".tar", ".arrow"):
            raise ToffeeError(f"{path}: it has {member.filename}, expected it unpacked")
        if kind in _TEXTS:
            _check_text(f"{path}/{member.filename}", member.file_size)
        elif member.file_size > LARGEST:
            raise ToffeeError(f"{path}: {member.filename} has {member.file_size} bytes")


def _largest_group(path: Path) -> int:
    """Bytes of the largest row group of a file: no cell is larger, since a dictionary, from which
    many rows have the same large value, is a part of it."""
    import pyarrow.parquet

    try:
        metadata = pyarrow.parquet.read_metadata(path)
    except (OSError, ValueError):
        return 1  # a torn file is named where its rows are needed
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size for group in groups), default=1)
    if largest > LARGEST_GROUP:
        raise ToffeeError(f"{path}: a row group of {largest} bytes, expected smaller ones")
    most = max((g.column(n).num_values for g in groups for n in range(g.num_columns)), default=0)
    if most > MOST_VALUES:
        raise ToffeeError(f"{path}: {most} values in a row group, expected smaller ones")
    return int(largest)


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
    if "::" not in path and "://" not in path and Path(repo).is_dir():
        path = str(Path(repo, path))  # relative: to the data set, not to the working directory
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
