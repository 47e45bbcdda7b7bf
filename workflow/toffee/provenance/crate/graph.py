"""JSON-LD as RO-Crate wants it: a flat list of entities that refer to each other by `@id`.

Plain dictionaries instead of the library `rocrate`: it copies files and looks each of them up on
the disk, and its context is an address that a validator without a network cannot read.
"""

import hashlib
import json
from typing import Any
from urllib.parse import quote

SCHEMA = "http://schema.org/"
BIOSCHEMAS = "https://bioschemas.org/ComputationalWorkflow"
RUN = "https://w3id.org/ro/terms/workflow-run#"
TERMS = {
    "File": SCHEMA + "MediaObject",
    "ComputationalWorkflow": BIOSCHEMAS,
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": BIOSCHEMAS + "#input",
    "output": BIOSCHEMAS + "#output",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "buildInstructions": "https://codemeta.github.io/terms/buildInstructions",
    "environment": RUN + "environment",
    "resourceUsage": RUN + "resourceUsage",
    "sha256": RUN + "sha256",
}
"""Terms that are not schema.org's, as RO-Crate 1.1 and Workflow Run RO-Crate define them."""

METADATA = "ro-crate-metadata.json"
ROOT = "./"


class Graph:
    """Entities by `@id`. A property that is a set holds the `@id`s of other entities."""

    def __init__(self) -> None:
        self.entities: dict[str, dict[str, Any]] = {}

    def add(self, name: str, /, *types: str, **properties: Any) -> str:
        """Add an entity, or more types, properties and references to the one that is there.

        Args:
            name: its `@id`.
            types: terms.
            properties: literals, or sets of `@id`s; None is left out.

        Returns:
            The `@id`.
        """
        entity = self.entities.setdefault(name, {"@type": []})
        entity["@type"] += [one for one in types if one not in entity["@type"]]
        for key, value in properties.items():
            if isinstance(value, set):
                entity.setdefault(key, set()).update(value)
            elif value is not None:
                entity[key] = value
        return name

    def text(self) -> str:
        """The metadata document: one entity a line, sorted, under a context of the terms in use.

        The context is part of the document, so that it is read the same without a network.
        """
        first = [METADATA, ROOT]
        names = first + sorted(self.entities.keys() - set(first))
        lines = [_dump(_flat(name, self.entities[name])) for name in names]
        context = _dump({term: TERMS.get(term, SCHEMA + term) for term in self._terms()})
        return f'{{"@context": {context},\n"@graph": [\n' + ",\n".join(lines) + "\n]}\n"

    def _terms(self) -> set[str]:
        used: set[str] = set()
        for entity in self.entities.values():
            used.update(entity.keys() - {"@type"}, entity["@type"])
        return used


def local(*parts: str) -> str:
    """`@id` of something that is no file of the crate."""
    return "#" + "/".join(quote(part) for part in parts)


def relative(path: str) -> str:
    """`@id` of a file or, with a slash at its end, of a folder of the crate."""
    return quote(path)


def short(value: Any) -> str:
    """Start of the digest of a value, for an `@id`."""
    return hashlib.sha256(_dump(value).encode()).hexdigest()[:16]


def _flat(name: str, entity: dict[str, Any]) -> dict[str, Any]:
    """An entity as it is written: references as objects; a list of one thing is that thing."""
    flat = {"@id": name}
    for key, value in entity.items():
        if isinstance(value, set):
            value = [{"@id": target} for target in sorted(value)]
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value != []:
            flat[key] = value
    return flat


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
