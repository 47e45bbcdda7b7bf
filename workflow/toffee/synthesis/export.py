"""The finished dataset as a repository of the Hugging Face hub: Parquet, card, Croissant metadata.

    <out>/README.md                              dataset card
    <out>/croissant.json                         Croissant 1.0 (mlcommons.org/croissant)
    <out>/data/train-00000-of-00002.parquet ...  one file a shard, accepted samples only

`datasets.load_dataset("<out>")` and `mlcroissant.Dataset("<out>/croissant.json")` read it offline.
Images are copied as they stand in the shards: nothing is encoded anew, and masks stay lossless.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toffee.errors import ToffeeError
from toffee.files import atomic_path, file_digest
from toffee.storage import Shard

ROW_GROUP = 256  # rows; small, because the hub's viewer and streaming readers fetch row groups
LICENCE_ADDRESSES = {
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-nc-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
}
PAPER = "https://arxiv.org/abs/2406.09305"
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_ARROW = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
_HUB = {"str": "string", "int": "int64", "float": "float64"}
_CROISSANT = {"str": "sc:Text", "int": "sc:Integer", "float": "sc:Float"}
_PNG = b"\x89PNG"
_MEANINGS = {
    "target": "what the pair is to become; PNG in editing pairs",
    "input": "editing pairs: the picture before the change, equal to the target outside `mask`",
    "mask": "editing pairs: where the change is; else the subject in the target (1-bit PNG)",
    "subject_image": "the subject in another pose: the picture to condition on",
    "subject_mask": "the subject in `subject_image` (1-bit PNG)",
    "sample_id": "name of the sample, a hash of what it was drawn from",
    "subject": "name of the subject",
    "class_word": "what the subject is, in a word",
    "attempt": "which sample of its subject this is, from 0",
    "kind": "generation, or what an editing pair changes: background, colour, texture, style",
    "prompt": "text of the target",
    "source_prompt": "editing pairs: text of the picture before the change",
    "subject_similarity": "similarity of target and subject inside the masks (cosine)",
    "text_alignment": "alignment of target and prompt (cosine)",
    "image_similarity": "similarity of target and input (cosine)",
    "copy_rate": "share of the subject that the target repeats in place (fraction)",
    "mask_area": "area of the mask (fraction of the image)",
    "mask_connectedness": "share of the mask in its largest connected part (fraction)",
}


def export_dataset(
    shards: Sequence[str | os.PathLike],
    index: str | os.PathLike,
    out: str | os.PathLike,
    name: str = "toffee",
    licence: str = "apache-2.0",
    published: str | None = None,
) -> int:
    """Write the accepted samples as a hub repository.

    Args:
        shards: finished shards, in any order.
        index: what `filter_dataset` wrote about them.
        out: folder to write; one that exists is replaced as a whole.
        name: name of the dataset.
        licence: its licence, as the hub spells it.
        published: date of publication (YYYY-MM-DD), if it is published; the time of writing is
            left out, so that equal inputs give equal bytes.

    Returns:
        The number of samples written.

    Raises:
        ToffeeError: index and shards do not belong together, or nothing is accepted.
    """
    if licence not in LICENCE_ADDRESSES:
        raise ToffeeError(
            f"licence {licence!r} is unknown, expected one of {', '.join(LICENCE_ADDRESSES)}"
        )
    accepted = _accepted(Path(index))
    paths = {Path(shard).stem: Path(shard) for shard in shards}
    unknown = sorted(set(accepted["shard"]) - set(paths))
    if unknown:
        raise ToffeeError(f"{index}: shard {unknown[0]} is not among the {len(paths)} shards given")
    groups = [(paths[shard], rows) for shard, rows in accepted.groupby("shard", sort=True)]
    with Shard(groups[0][0]) as first:
        formats, types = first.formats, first.types
    with atomic_path(out) as folder:
        (folder / "data").mkdir(parents=True)
        for number, (path, rows) in enumerate(groups):
            target = folder / "data" / f"train-{number:05d}-of-{len(groups):05d}.parquet"
            with Shard(path) as shard:
                _check(shard, rows, formats, types, index)
                _write_parquet(shard, rows["row"].to_numpy(), target)
        images = {_field(image, types): format for image, format in formats.items()}
        card = _card(name, licence, accepted, images, types)
        (folder / "README.md").write_text(card, encoding="utf-8")
        metadata = _croissant(name, licence, len(accepted), images, types, folder)
        if published is not None:
            metadata["datePublished"] = published
        text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        (folder / "croissant.json").write_text(text, encoding="utf-8")
    return len(accepted)


def _accepted(index: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(index)
        accepted = frame[frame["accepted"]].sort_values(["shard", "row"])
    except (OSError, ValueError, KeyError) as error:
        raise ToffeeError(f"{index}: cannot be read, expected the filter's index") from error
    if accepted.empty:
        raise ToffeeError(f"{index}: no accepted sample, expected at least one to export")
    return accepted


def _check(
    shard: Shard, rows: pd.DataFrame, formats: dict, types: dict, index: str | os.PathLike
) -> None:
    if (shard.formats, shard.types) != (formats, types):
        raise ToffeeError(f"{shard.path}: its images and columns differ from the other shards'")
    if rows["row"].max() >= len(shard):
        raise ToffeeError(f"{index}: row {rows['row'].max()} of {shard.path} does not exist")
    found = shard.column("sample_id")[rows["row"].to_numpy()]
    wrong = np.flatnonzero(found != rows["sample_id"].to_numpy())
    if len(wrong):
        row = rows.iloc[wrong[0]]
        raise ToffeeError(
            f"{shard.path}, row {row['row']}: sample {found[wrong[0]]}, "
            f"expected {row['sample_id']} as in {index}; filter again"
        )


def _write_parquet(shard: Shard, rows: np.ndarray, path: Path) -> None:
    schema = _schema(shard.formats, shard.types)
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        for start in range(0, len(rows), ROW_GROUP):
            writer.write_table(_table(shard, rows[start : start + ROW_GROUP], schema))


def _table(shard: Shard, rows: np.ndarray, schema: pa.Schema) -> pa.Table:
    ids = shard.column("sample_id")
    arrays: dict[str, list] = {}
    for name in shard.formats:
        arrays[_field(name, shard.types)] = [
            _image(shard.encoded(name, row), f"{ids[row]}_{name}") if shard.has(name, row) else None
            for row in rows
        ]
    for name in shard.types:
        arrays[name] = shard.column(name)[rows].tolist()
    return pa.Table.from_pydict(arrays, schema=schema)


def _image(data: bytes, name: str) -> dict:
    """What the Image feature of `datasets` holds: an encoded file and a name for it."""
    return {"bytes": data, "path": f"{name}.{'png' if data.startswith(_PNG) else 'jpg'}"}


def _schema(formats: dict, types: dict) -> pa.Schema:
    """Arrow schema; its `huggingface` metadata is how `datasets` knows which columns are images."""
    images = [_field(name, types) for name in formats]
    fields = [pa.field(name, _IMAGE) for name in images]
    fields += [pa.field(name, _ARROW[kind]) for name, kind in types.items()]
    features: dict[str, dict] = {name: {"_type": "Image"} for name in images}
    features |= {name: {"dtype": _HUB[kind], "_type": "Value"} for name, kind in types.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema(fields, metadata=metadata)


def _field(image: str, types: dict) -> str:
    """The exported name of an image: a shard may have an image and a column of one name."""
    return f"{image}_image" if image in types else image


def _meaning(name: str, formats: dict) -> str:
    if name in _MEANINGS:
        return _MEANINGS[name]
    if name in formats:
        return {
            "jpeg": "picture (JPEG, 4:4:4; PNG where its pixels have to be exact)",
            "png": "picture (lossless PNG)",
            "mask": "mask (1-bit PNG)",
        }[formats[name]]
    return name.replace("_", " ")


def _size_category(count: int) -> str:
    below, name = 1_000, "n<1K"
    for low, high in (("1K", "10K"), ("10K", "100K"), ("100K", "1M"), ("1M", "10M")):
        if count >= below:
            name = f"{low}<n<{high}"
        below *= 10
    return name


def _card(name: str, licence: str, accepted: pd.DataFrame, formats: dict, types: dict) -> str:
    counts = accepted["kind"].value_counts().sort_index()
    lines = [
        "---",
        f"pretty_name: {json.dumps(name)}",
        f"license: {licence}",
        "task_categories:",
        "- text-to-image",
        "- image-to-image",
        "size_categories:",
        f"- {_size_category(len(accepted))}",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        "    path: data/train-*.parquet",
        "---",
        "",
        f"# {name}",
        "",
        "Pairs for subject-driven image generation and editing, synthesized as the paper Toffee",
        f"describes ([arXiv 2406.09305]({PAPER})) and then filtered. The pictures were made by",
        "models; none of them is a photograph of its target scene. This is a reproduction and not",
        "the authors' dataset.",
        "",
        "| kind | pairs |",
        "|---|---|",
        *[f"| {kind} | {count} |" for kind, count in counts.items()],
        f"| **all** | {len(accepted)} |",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *[f"| `{column}` | image | {_meaning(column, formats)} |" for column in formats],
        *[
            f"| `{column}` | {_HUB[types[column]]} | {_meaning(column, formats)} |"
            for column in types
        ],
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        'pairs = load_dataset("path/of/this/folder", split="train")',
        "```",
        "",
    ]
    return "\n".join(lines)


def _croissant(
    name: str, licence: str, count: int, formats: dict, types: dict, folder: Path
) -> dict:
    """Croissant 1.0 metadata: each file with its SHA-256, and one record set over all of them."""
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": f"{count} pairs for subject-driven image generation and editing, "
        "synthesized as in Toffee (arXiv 2406.09305), a reproduction.",
        "license": LICENCE_ADDRESSES[licence],
        "url": PAPER,
        "version": "1.0.0",
        "citeAs": "Toffee: Efficient Million-Scale Dataset Construction for Subject-Driven "
        "Text-to-Image Generation. arXiv:2406.09305, 2024.",
        "distribution": [*_file_objects(folder), _FILE_SET],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "pairs",
                "name": "pairs",
                "description": "One record for each pair.",
                "field": list(_fields(formats, types)),
            }
        ],
    }


_FILE_SET = {
    "@type": "cr:FileSet",
    "@id": "parquet-files",
    "name": "parquet-files",
    "description": "All Parquet files of the dataset.",
    "encodingFormat": "application/x-parquet",
    "includes": "data/*.parquet",
}


def _file_objects(folder: Path) -> Iterator[dict]:
    for path in sorted((folder / "data").glob("*.parquet")):
        yield {
            "@type": "cr:FileObject",
            "@id": path.name,
            "name": path.name,
            "contentUrl": f"data/{path.name}",
            "contentSize": f"{path.stat().st_size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": file_digest(path),
        }


def _fields(formats: dict, types: dict) -> Iterator[dict]:
    for column in [*formats, *types]:
        source: dict = {
            "fileSet": {"@id": _FILE_SET["@id"]},
            "extract": {"column": column},
        }
        if column in formats:
            source["transform"] = {"jsonPath": "bytes"}
        yield {
            "@type": "cr:Field",
            "@id": f"pairs/{column}",
            "name": column,
            "description": _meaning(column, formats),
            "dataType": "sc:ImageObject" if column in formats else _CROISSANT[types[column]],
            "source": source,
        }


def _context() -> dict:
    """The JSON-LD context of Croissant 1.0, as its specification prints it."""
    croissant = (
        "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format "
        "includes isLiveDataset jsonPath key md5 parentField path recordSet references regex "
        "repeated replace samplingRate separator source subField transform"
    )
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
    } | {word: f"cr:{word}" for word in croissant.split()}
