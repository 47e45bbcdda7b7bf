"""Reading the record files of a results folder, of which nothing is taken on trust.

What is no record becomes a problem of one line; nothing that a file holds ends the reading.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toffee.provenance.digests import read_json, tree_digest
from toffee.provenance.paths import EARLIER, NO_RECORDS
from toffee.provenance.record import seal
from toffee.provenance.reroot import rerooted_record
from toffee.provenance.schema import Record
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import TEMPORARY

Problem = tuple[Path, str, str]
"""A record that is none: its file, what was expected, what was found."""


def record_files(base: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str], list[Problem]]:
    """What the files of a folder of records say.

    Returns:
        The contents of records, and the records that pointers name, by path within `base`; and the
        files that are neither.
    """
    found: dict[str, dict[str, Any]] = {}
    pointers: dict[str, str] = {}
    problems: list[Problem] = []
    # No linked folder: records lie where they are.
    places = (Path(where, name) for where, _, names in os.walk(base) for name in names)
    for path in sorted(places):
        name = path.relative_to(base).as_posix()
        aside = name.split("/")[0] in NO_RECORDS or TEMPORARY.match(path.name)
        if aside or not name.endswith(".json"):
            continue
        try:
            content = read_json(path)
        except ToffeeError as error:
            problems.append((path, "a record in JSON", str(error)))
            continue
        if not isinstance(content, dict):
            problems.append((path, "a valid record", "no JSON object"))
        elif set(content) == {"see"}:
            pointers[name] = str(content["see"])
        else:
            found[name] = content
    return found, pointers, problems


def read_record(
    name: str, content: dict[str, Any], root: str
) -> tuple[Record | None, list[tuple[str, str]]]:
    """A record under a name of its results folder (see `rerooted_record`), None where it is none;
    and what is wrong with it: expected and found.

    name: its path within the folder of records.
    """
    try:
        record = Record.model_validate(content)
        problems = list(_contradictions(record, content, name))
        if record.root != root:
            record = Record.model_validate(rerooted_record(content, root))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole"
        return None, [("a valid record", f"{key}: {first['msg']}")]
    except ToffeeError as error:
        return None, [(f"a record that can be read as {root}", str(error))]
    except RecursionError:
        return None, [("a valid record", "values nested too deeply")]
    return record, problems


def _contradictions(
    record: Record, content: Mapping[str, Any], name: str
) -> Iterator[tuple[str, str]]:
    """Where a record does not agree with itself: what was expected, what was found."""
    if seal(content)["sha256"] != record.sha256:
        expected = f"content with SHA-256 {record.sha256[:16]}…, as it says of itself"
        yield expected, "other content: it was edited"
    first = next(iter(record.outputs))
    place = f"{first.removeprefix(record.root + '/')}.json"
    if name.startswith(f"{EARLIER}/"):
        place = f"{EARLIER}/{first.removeprefix(record.root + '/')}/{record.sha256}.json"
    if name != place:
        yield "the record of the file that it is named after", f"that of {first}"
    for path, made in record.outputs.items():
        if isinstance(made.files, dict):
            digest = tree_digest(content["outputs"][path]["files"])
            if digest != made.sha256:
                yield f"{path} with the digest of its files", f"{made.sha256[:16]}…"
