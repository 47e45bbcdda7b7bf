"""Validates a crate's metadata with roc-validator, without a network.

Profile Provenance Run Crate 0.5 inherits from Workflow Run Crate, Process Run Crate, Workflow
RO-Crate and RO-Crate 1.1, so one run checks all five: what they require and, but for `DEPARTURES`,
what they recommend. Of the crate's files it asks only whether they are there.

Time grows with the number of entities: 12 s for the 1,602 of the demo, 38 s for the 7,000 of 1,000
jobs. Above `ENTITIES` a sample is validated (see `sample`): 4 s for the demo.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toffee.provenance.digests import read_json
from toffee.runtime.errors import ToffeeError

PROFILE = "provenance-run-crate-0.5"
ENTITIES = 300
"""Entities of a crate that is validated whole: a few jobs."""

DEPARTURES = {
    "Action agent": "records name no person",
    "Root Data Entity: `publisher` property": "a run does not know who will publish it",
    "Organization: RECOMMENDED url property": "the authors have no address",
    "Application url": "a tool is a script in the crate",
    "SoftwareApplication id": "a tool is a script in the crate",
    "README.md about": "the results folder needs no README of its own",
    "README.md encodingFormat": "the results folder needs no README of its own",
}
"""Recommendations that are not followed (names of checks), and why."""

JOBS = {"CreateAction", "ControlAction"}
VALUES = {"PropertyValue", "FormalParameter"}
DATA = {"File", "Dataset"} | VALUES
FORMED = {"startTime", "endTime", "actionStatus", "additionalType"}
FOLLOWED = 20
"""References of one property that a sample follows; a job may have read every shard."""

Entity = dict[str, Any]


def validate_crate(metadata: Path) -> list[str]:
    """Validate a crate in all five profiles.

    Args:
        metadata: its `ro-crate-metadata.json`.

    Returns:
        What is wrong, a line each; empty for a valid crate.
    """
    try:
        document = read_json(metadata)
    except ToffeeError as error:
        return [str(error)]
    graph = document.get("@graph") if isinstance(document, dict) else None
    entities: list[Any] = graph if isinstance(graph, list) else [None]
    if not all(isinstance(one, dict) and isinstance(one.get("@id"), str) for one in entities):
        return [f"{metadata}: expected a @graph of entities, each with an @id"]
    if len(entities) > ENTITIES:
        document = document | {"@graph": sample(entities)}
    return _findings(document, Path(metadata).parent)


def _findings(document: Entity, folder: Path) -> list[str]:
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings

    with tempfile.TemporaryDirectory() as cache:
        settings = ValidationSettings(
            rocrate_uri=None,
            metadata_dict=document,
            package_root=folder,
            profile_identifier=PROFILE,
            requirement_severity=Severity.RECOMMENDED,
            offline=True,
            cache_path=Path(cache, "http"),
        )
        issues = services.validate(settings).get_issues()
    return sorted(
        " ".join(f"{one.identifier}: {one.violatingEntity or 'crate'}: {one.message}".split())
        for one in issues
        if one.check.name not in DEPARTURES
    )


def sample(graph: list[Entity]) -> list[Entity]:
    """A part of a large crate that shows all that is different in it.

    Jobs and data that look like ones before them are left out: the same rule, the same properties,
    types of values, form of times and states, kinds of entities that are referred to, and
    properties by which others refer to it. So are parameters and their values, most of a crate of
    many rules. A job that lacks its instrument, or has a time in another form, looks different and
    stays. What stays keeps what it refers to, and no reference to what was left out.
    """
    entities = {one["@id"]: one for one in graph}
    parents = {
        part: name
        for name, entity in entities.items()
        if _types(entity) == {"Dataset"}
        for part in _references(entity.get("hasPart"))
    }
    referred: dict[str, set[str]] = {}
    for entity in entities.values():
        for key, value in entity.items():
            for one in _references(value):
                referred.setdefault(one, set()).add(key)
    seen: set[Any] = set()
    kept: set[str] = set()
    for name, entity in entities.items():
        looks = set(_looks(entity, entities))
        looks.add((frozenset(_types(entity)), frozenset(referred.get(name, ()))))
        if not looks <= seen or not _types(entity) <= JOBS | DATA:
            kept.add(name)
        seen |= looks
    # A parameter is recommended to have an example; with the jobs left out it may lose all of them.
    examples: dict[str, str] = {}
    for name, entity in entities.items():
        for parameter in _references(entity.get("exampleOfWork")):
            examples.setdefault(parameter, name)
    waiting = list(kept)
    for name in waiting:
        near = [place[name] for place in (parents, examples) if name in place]
        near += _near(entities[name], entities)
        new = [one for one in dict.fromkeys(near) if one in entities and one not in kept]
        kept.update(new)
        waiting += new
    left_out = entities.keys() - kept
    return [_without(entity, left_out) for name, entity in entities.items() if name in kept]


def _near(entity: Entity, entities: dict[str, Entity]) -> Iterator[str]:
    """What stays with an entity that stays: of a job what it refers to, but one value a property;
    of data one parameter that it stands for."""
    if _types(entity) & JOBS:
        for value in entity.values():
            found = _references(value, FOLLOWED)
            yield from found[:1]
            yield from (one for one in found if not _types(entities.get(one, {})) & VALUES)
    elif _types(entity) <= DATA:
        yield from _references(entity.get("exampleOfWork"), 1)


def _looks(entity: Entity, entities: dict[str, Entity]) -> Iterator[tuple[Any, ...]]:
    """What can be seen of an entity; of a job, for each instrument apart."""
    types = _types(entity)
    kind = (frozenset(types), *(_references(entity.get("instrument")) if types & JOBS else ()))
    yield kind, frozenset(entity)
    for key, value in entity.items():
        if not _references(value):
            formed = isinstance(value, str) and key in FORMED
            yield kind, key, re.sub(r"\d", "0", value) if formed else type(value)
        elif types & JOBS:
            for one in _references(value):
                target = entities.get(one, {})
                yield kind, key, frozenset(_types(target)), frozenset(target)
                for parameter in _references(target.get("exampleOfWork")):
                    yield kind, key, parameter


def _types(entity: Entity) -> set[str]:
    types = entity.get("@type", [])
    return {one for one in (types if isinstance(types, list) else [types]) if isinstance(one, str)}


def _references(value: Any, most: int | None = None) -> list[str]:
    values = value if isinstance(value, list) else [value]
    found = [one.get("@id") for one in values[:most] if isinstance(one, dict)]
    return [one for one in found if isinstance(one, str)]


def _without(entity: Entity, left_out: set[str]) -> Entity:
    """An entity without references to what was left out; as a list of one is that one."""
    found = {}
    for key, value in entity.items():
        if _references(value) and not left_out.isdisjoint(_references(value)):
            values = value if isinstance(value, list) else [value]
            value = [one for one in values if not left_out & set(_references(one))]
            value = value[0] if len(value) == 1 else value
        if value != []:
            found[key] = value
    return found
