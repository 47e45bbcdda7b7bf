"""Croissant 1.0 metadata with the responsible-AI properties (RAI 1.0).

Sources: https://docs.mlcommons.org/croissant/docs/croissant-spec.html and croissant-rai-spec.html.
"""

from collections.abc import Iterator
from typing import Any

from toffee.config.licences import HUB_LICENCES
from toffee.export.release import CITATION, PAPER, Release

CONFORMS_TO = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
RECORDS, FILE_SET = "pairs", "parquet-files"
PARQUET = "application/x-parquet"


def croissant_of(release: Release) -> dict[str, Any]:
    """The metadata: every file with its SHA-256, and one record set over all of them.

    There is no date of publication: equal inputs give equal bytes. Who publishes adds it.
    """
    licences = [HUB_LICENCES.get(part) or part for part in release.licence_parts]
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": release.name,
        "description": f"{release.rows} pairs for subject-driven image generation and editing, "
        "synthesized as in Toffee (arXiv 2406.09305), a reproduction.",
        "license": licences[0] if len(licences) == 1 else licences,
        "url": PAPER,
        "version": "1.0.0",
        "citeAs": CITATION,
        "isLiveDataset": False,
        **{f"rai:{name}": value for name, value in release.statements().items()},
        "distribution": [*_file_objects(release), _file_set(release)],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": RECORDS,
                "name": RECORDS,
                "description": "One record for each pair.",
                "key": {"@id": f"{RECORDS}/sample_id"},
                "field": list(_fields(release)),
            }
        ],
    }


def _file_objects(release: Release) -> Iterator[dict]:
    for name, summary in release.files.items():
        yield {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": f"data/{name}",
            "contentSize": f"{summary.size} B",
            "encodingFormat": PARQUET,
            "sha256": summary.sha256,
        }


def _file_set(release: Release) -> dict:
    return {
        "@type": "cr:FileSet",
        "@id": FILE_SET,
        "name": FILE_SET,
        "description": "All Parquet files of the dataset.",
        "encodingFormat": PARQUET,
        "includes": "data/*.parquet",
    }


def _fields(release: Release) -> Iterator[dict]:
    for name, _, kind, meaning in release.columns.described():
        source: dict = {"fileSet": {"@id": FILE_SET}, "extract": {"column": name}}
        if kind == "sc:ImageObject":
            source["transform"] = {"jsonPath": "bytes"}
        yield {
            "@type": "cr:Field",
            "@id": f"{RECORDS}/{name}",
            "name": name,
            "description": meaning,
            "dataType": kind,
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
