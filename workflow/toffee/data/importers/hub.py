"""Stream a data set of the Hugging Face hub or a local one: only imported rows are fetched.

Only formats of plain data are read (`FORMATS`): a data set whose files would be unpickled is
refused, and `datasets` runs no script of a repository.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toffee.data.importers.faults import SetAside
from toffee.data.importers.sources import Picture
from toffee.runtime.errors import ToffeeError

FORMATS = ("arrow", "csv", "imagefolder", "json", "parquet")


def stream_pictures(source: Mapping[str, Any]) -> Iterator[Picture]:
    """The pictures of a data set in its own order, row by row.

    Args:
        source: repo (with a revision on the hub, without one a folder), split, and the columns
            image, class_word and, or None, caption and mask; licence, or None for the card's.

    Raises:
        ToffeeError: the data set, its split or a column is missing, or it is of no known format.
    """
    import datasets

    repo, revision = source["repo"], source["revision"]
    if revision is None and not Path(repo).is_dir():
        raise ToffeeError(
            f"{repo}: no such folder, expected a data set (on the hub, give its revision too)"
        )
    try:
        builder = datasets.load_dataset_builder(repo, revision=revision)
        format = type(builder).__module__.split(".")[-2]
        if format not in FORMATS:
            raise ToffeeError(f"{repo}: format {format}, expected one of {', '.join(FORMATS)}")
        stream = builder.as_streaming_dataset(split=source["split"])
        features = stream.features or stream._resolve_features().features
    except ToffeeError:
        raise
    except Exception as error:  # of datasets, huggingface_hub, fsspec and their HTTP client
        raise ToffeeError(f"{repo}: cannot be read ({_first_line(error)})") from error
    columns = {name: source[name] for name in ("image", "class_word", "caption", "mask")}
    for key, column in columns.items():
        if column is not None and column not in features:
            raise ToffeeError(
                f"{repo}: no column {column!r} (data.real.subjects.{key}), "
                f"expected one of {', '.join(features)}"
            )
    for column in filter(None, (columns["image"], columns["mask"])):
        stream = stream.cast_column(column, datasets.Image(decode=False))
    names = getattr(features[columns["class_word"]], "names", None)
    licence = source["licence"] or card_licence(repo, revision)
    return _rows(stream, columns, names, licence, repo)


def card_licence(repo: str, revision: str | None) -> str:
    """The licence in a data set's card; "" if there is none."""
    from huggingface_hub import DatasetCard, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    path = Path(repo, "README.md")
    if revision is not None:
        try:
            path = Path(hf_hub_download(repo, path.name, repo_type="dataset", revision=revision))
        except EntryNotFoundError:
            return ""
    if not path.is_file():
        return ""
    licence = (
        DatasetCard.load(path, ignore_metadata_errors=True).data.to_dict().get("license") or ""
    )
    return ", ".join(licence) if isinstance(licence, list) else str(licence)


def _rows(
    stream: Any,
    columns: Mapping[str, str | None],
    names: list[str] | None,
    licence: str,
    repo: str,
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
        word = row[columns["class_word"]]
        file = f"{repo}, row {number}"
        yield Picture(
            name=f"{number:08d}",
            word=names[word] if names and isinstance(word, int) and word >= 0 else str(word or ""),
            caption=str(row[columns["caption"]] or "") if columns["caption"] else "",
            licence=licence,
            file=file,
            image=_reader(row[columns["image"]], repo, file, "missing image"),
            mask=_reader(row[columns["mask"]], repo, file, "missing mask")
            if columns["mask"]
            else None,
        )


def _reader(
    value: Mapping[str, Any] | None, repo: str, file: str, reason: str
) -> Callable[[], bytes]:
    return partial(_bytes, value or {}, repo, file, reason)


def _bytes(value: Mapping[str, Any], repo: str, file: str, reason: str) -> bytes:
    """The bytes of a picture, from its row or from a file of the data set that the row names."""
    from datasets.utils.file_utils import xopen

    if value.get("bytes") is not None:
        return value["bytes"]
    if not value.get("path"):
        raise SetAside(file, reason, "the row has none")
    if not _belongs(value["path"], repo):
        raise SetAside(file, reason, f"{value['path']} is no file of the data set")
    try:
        with xopen(value["path"], "rb") as opened:
            return opened.read()
    except Exception as error:
        raise SetAside(file, reason, f"{value['path']}: {_first_line(error)}") from error


def _belongs(path: str, repo: str) -> bool:
    """Whether a path, or the archive that it lies in, is the data set's own: a row could name any
    file of this machine."""
    place = path.split("::")[-1]
    if place.startswith(f"hf://datasets/{repo}@"):
        return ".." not in place.split("/")
    root = Path(repo)
    return root.is_dir() and Path(place).resolve().is_relative_to(root.resolve())


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
