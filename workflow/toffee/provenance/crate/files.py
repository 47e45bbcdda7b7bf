"""The files and folders of a crate: one entity for each content that a job wrote or read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from toffee.provenance.crate.graph import ROOT, Graph, local, relative
from toffee.provenance.results import Results
from toffee.provenance.schema import Made, Read, Record
from toffee.provenance.temporary import temporary

LISTED = 64
"""A folder of more files is one entity: thousands of small photographs would be most of the crate.
Its tree digest covers them, and the record of its job names each with its SHA-256."""

FORMATS = {
    ".cff": "text/yaml",
    ".csv": "text/csv",
    ".h5": "application/x-hdf5",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".py": "text/x-python",
    ".txt": "text/plain",
    ".yaml": "text/yaml",
}
ELSEWHERE = "No record says that this is here: it lies elsewhere, or has been replaced."
TEMPORARY = (
    "A temporary file, which the run removes once it is read (config synthesis.keep_stages)."
)
TREE = "The digest is the SHA-256 of the lines that sha256sum prints of its files, sorted by path."


class Files:
    """Finds the entity of what a record names by path and digest.

    What lies in the results folder has its path there as `@id`. What does not (photographs from
    elsewhere, a temporary file, one that has been replaced or removed since) is described under an
    `@id` that begins with `#`, with the digest of the content that was written or read.
    """

    def __init__(self, graph: Graph, results: Results) -> None:
        self.graph, self.results = graph, results
        self._found: dict[tuple[str, str], str] = {}
        self._copies: dict[tuple[str, str], str] = {}
        self._temporary = temporary(
            results
        )  # there or not: a crate does not depend on when it is made
        self._last = {
            _below(path, record): record
            for record in results.records.values()
            for path in record.outputs
        }

    def add_copy(self, folder: str, copied: Mapping[str, Any], whole: str) -> None:
        """Add the copy of the workflow.

        Args:
            folder: its place below the root.
            copied: its description (`toffee.provenance.digests.describe`).
            whole: start of the paths of files that get no entity of their own.
        """
        place = self.folder(folder, copied, "the workflow, as it was when this crate was written")
        for name, file in copied["files"].items():
            if not name.startswith(whole):
                copy = self.file(f"{folder}/{name}", file, place)
                # A record has the path from the run's working directory, which is not known.
                self._copies[PurePosixPath(name).name, file["sha256"]] = copy

    def add_outputs(self) -> None:
        """Add what all jobs wrote; call it before `of`, which finds what they read."""
        for record in self.results.records.values():
            for path, made in record.outputs.items():
                below = _below(path, record)
                here = self._last[below] is record and self.results.place(path).exists()
                if path in self._temporary:
                    add = self._elsewhere(below, made, what=TEMPORARY)
                else:
                    add = self._output(record, path) if here else self._elsewhere(below, made)
                self._found[below, made.sha256] = add

    def of(self, path: str, content: Read | Made, record: Record) -> str:
        """The `@id` of what a job read or wrote."""
        below = _below(path, record)
        found = self._found.get((below, content.sha256))
        found = found or self._copies.get((PurePosixPath(path).name, content.sha256))
        if found is None:
            folder = self.results.place(path).is_dir()
            found = self._found[below, content.sha256] = self._elsewhere(below, content, folder)
        return found

    def file(self, below: str, content: Mapping[str, Any], part_of: str = ROOT) -> str:
        """Add a file of the crate; content has sha256 and size."""
        name = self.graph.add(relative(below), "File", **_properties(below, content, False))
        self.graph.add(part_of, hasPart={name})
        return name

    def folder(self, below: str, content: Mapping[str, Any], what: str) -> str:
        """Add a folder of the crate; content has sha256 and size."""
        properties = _properties(below, content, True)
        name = relative(f"{below}/")
        self.graph.add(name, "Dataset", description=f"{what}. {TREE}", **properties)
        self.graph.add(ROOT, hasPart={name})
        return name

    def _output(self, record: Record, path: str) -> str:
        below, made = _below(path, record), record.outputs[path]
        content = made.model_dump()
        if made.files is None:
            return self.file(below, content)
        count = self.results.count(record, path)
        found = self.folder(below, content, f"{count} files")
        for name, file in self.results.files_of(record, path) if count <= LISTED else ():
            inner = f"{below}/{name}"
            self._found[inner, file.sha256] = self.file(inner, file.model_dump(), found)
        return found

    def _elsewhere(
        self, below: str, content: Read | Made, folder: bool = False, what: str = ELSEWHERE
    ) -> str:
        folder = folder or isinstance(content, Made) and content.files is not None
        return self.graph.add(
            local("elsewhere", content.sha256[:16], below),
            "Dataset" if folder else "File",
            description=what + f" {TREE}" * folder,
            **_properties(below, content.model_dump(), folder),
        )


def _below(path: str, record: Record) -> str:
    """A path of a record within the results folder, or as it is where it lies elsewhere."""
    pure = PurePosixPath(path)
    inside = pure.is_relative_to(record.root)
    return (pure.relative_to(record.root) if inside else pure).as_posix()


def _properties(name: str, content: Mapping[str, Any], folder: bool) -> dict[str, Any]:
    kind = FORMATS.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")
    return {
        "name": name,
        "sha256": content["sha256"],
        "contentSize": str(content["size"]),
        "encodingFormat": None if folder else kind,
    }
