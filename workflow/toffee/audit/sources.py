"""What imports read of their sources is still there as it was, where the sources are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toffee.audit.findings import Finding
from toffee.audit.notes import Notes
from toffee.data.importers import subjects, views
from toffee.data.importers.sources import source_folder
from toffee.data.tables import read_table
from toffee.provenance.results import Results
from toffee.provenance.schema import Record

TIER = "graph"
SHOWN = 20
"""Findings of one source that are named; the others are counted."""

IMPORTS = ("import_subjects", "import_multiview", "import_heldout")


def check_sources(results: Results, notes: Notes) -> Iterator[Finding]:
    """Compare each source that an import read with the digests of its sources.csv.

    notes: takes the sources that are not there, or cannot be compared.
    """
    for record in results.records.values():
        if record.rule not in IMPORTS:
            continue
        source = record.params.get("source") or {}
        folder = source_folder(source)
        place = results.place(folder) if folder else None
        if place is None or not place.is_dir() or "repo" in source:
            name = folder or source.get("repo")
            notes.add(f"graph: source {name} of {record.job}: not compared with what was read")
            continue
        for path in record.outputs:
            table = results.place(path) / subjects.SOURCES
            changes = _changes(source | {"path": str(place)}, table, record)
            for number, line in enumerate(changes):
                if number == SHOWN:
                    found = "more of its files are another"
                    yield Finding(TIER, str(folder), f"what {record.job} read", found)
                    break
                yield Finding(TIER, str(folder), f"what {record.job} read", line)


def _changes(source: dict[str, Any], table: Path, record: Record) -> Iterator[str]:
    """What is not as sources.csv says, a line each."""
    if record.rule == "import_subjects":
        rows = read_table(table, ("source", "sha256"), strip=False)
        return subjects.check_sources(source, {row["source"]: row["sha256"] for row in rows})
    rows = read_table(table, ("class_word", "sequence", "sha256"), strip=False)
    read = {(row["class_word"], row["sequence"]): row["sha256"] for row in rows}
    return views.check_sources(source, read, int(record.params["views"]))
