"""Whoever changes one value of a record, and makes all digests right again, is found out.

`docs/audit.md` has a table of the fields of a record and what each is compared with. What is
compared with the job's log alone, which names the record's digest, is there too: only a forger who
changes the log as well can change it.
"""

import json
import re
from datetime import datetime, timedelta

import pytest

from toffee.provenance.schema import Record
from toffee.runtime.project import PROJECT

from .conftest import MODEL, SHARD
from .test_faults import audited

LOG_ALONE = "the log alone"
OWN_KEYS = ("wildcards", "input", "output", "inputs", "outputs", "params", "modules", "files")
"""Parts of a record whose keys are no fields."""


def documented():
    """Field → what it is compared with, as the page of the audit says."""
    page = (PROJECT / "docs" / "audit.md").read_text()
    table = page.partition("## Fields of a record")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (.+?) \|$", table, re.M)
    return {field: cell for fields, cell in rows for field in re.findall(r"`([^`]+)`", fields)}


def leaves(value, path=()):
    """Paths of all single values."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, one in items for leaf in leaves(one, (*path, key))]
    return [path]


def field_of(path):
    """The field of a single value: keys that are paths or names, and places in lists, are `*`."""
    names = [
        "*" if isinstance(key, int) or (number and path[number - 1] in OWN_KEYS) else key
        for number, key in enumerate(path)
    ]
    field = ".".join(names)
    for known in documented():
        if field == known or (known.endswith(".*") and f"{field}.".startswith(known[:-1])):
            return known
    return field


def at(content, path):
    for key in path:
        content = content[key]
    return content


def others(value):
    """Other values of the same kind, far from it."""
    if value is None:
        return ["7", 7, "7" * 16, "7" * 64]
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int | float):
        return [value * 10 + 10**6]
    if not isinstance(value, str):
        return [{"more": "7"}, ["7"]]  # what is empty
    try:
        time = datetime.fromisoformat(value)
        return [(time + timedelta(hours=hours)).isoformat() for hours in (-1, 1)]
    except ValueError:
        last = "7" if value[-1:] != "7" else "8"
        return [value[:-1] + last, None]


def changed(name, path, value):
    """A change of one value in the record of an output."""

    def change(content):
        if name in content["outputs"]:
            at(content, path[:-1])[path[-1]] = value

    return change


@pytest.fixture
def restore(run):
    """Puts back what a forgery changed."""
    places = [p for part in ("records", "logs") for p in (run.folder / part).rglob("*")]
    kept = {place: place.read_bytes() for place in places if place.is_file()}

    def put_back():
        for place, data in kept.items():
            if place.read_bytes() != data:
                place.write_bytes(data)

    return put_back


@pytest.mark.parametrize(("name", "logs"), [(SHARD, False), (SHARD, True), (MODEL, True)])
def test_no_value_of_a_record_can_be_changed_alone(run, restore, name, logs):
    content = json.loads(run.record(name).read_text())
    passed = set()
    for path in leaves(content):
        for value in others(at(content, path)):
            if path == ("sha256",):
                continue  # the forger makes it right
            run.forge(changed(name, path, value), logs)
            if not audited(run):
                passed.add(field_of(path))
            restore()
    alone = {field for field, cell in documented().items() if cell.startswith(LOG_ALONE)}
    assert passed <= (alone if logs else set())


def test_the_page_names_every_field_of_a_record():
    record = Record.model_json_schema()
    parts = {name: one["properties"] for name, one in record["$defs"].items()}
    nested = {"code": "Code", "environment": "Environment", "git": "Git"}
    fields = {
        f"{name}.{part}" if part else name
        for name in record["properties"]
        for part in (parts[nested[name]] if name in nested else [""])
    }
    known = {field.partition(".*")[0] for field in documented()}
    assert known == fields
