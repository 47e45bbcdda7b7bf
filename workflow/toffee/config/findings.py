"""What pydantic finds wrong, in one line that names the key.

Knows no section, so that what reads a file of its own does not depend on the whole configuration.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

ANY = "*"


def one_line(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Say the first thing that is wrong in one line.

    An unknown key goes first, because a misspelt key is often reported as a missing one too.

    Args:
        error: pydantic's findings.
        model: the model that was validated, for suggestions.
        prefix: dotted key of what was validated.
    """
    findings = sorted(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    first = findings[0]
    location, section = _without_kinds(first["loc"], model)
    if first["type"].startswith("union_tag"):
        location.append("kind")
    key = ".".join([*([prefix] if prefix else []), *location]) or "(top level)"
    if first["type"] == "extra_forbidden":
        if section is not None:
            return f"unknown config key {key}{_key_of_kind(location, section)}"
        return f"unknown config key {key}{_suggestion(location, model)}"
    if first["type"] in ("missing", "union_tag_not_found"):
        return f"config key {key} is missing"
    got = first["input"]
    if first["type"] == "union_tag_invalid":
        got = first["ctx"]["tag"]
    shown = f", got {got!r}" if not isinstance(got, dict | BaseModel) else ""
    return f"config key {key}: expected {_expectation(first)}{shown}"


def _without_kinds(
    location: Sequence[str | int], model: type[BaseModel]
) -> tuple[list[str], type[BaseModel] | None]:
    """The key at an error's location, among whose parts pydantic puts the kind of a section, and
    the model of that section; None where the key is in no section that has a kind."""
    key: list[str] = []
    section: type[BaseModel] | None = None
    kinds: dict[str, type[BaseModel]] = {}
    here: type[BaseModel] | None = model
    for part in map(str, location):
        if part in kinds:
            section = here = kinds[part]
            kinds = {}
            continue
        key.append(part)
        field = here.model_fields.get(part) if here else None
        models = _sections(field.annotation) if field else []
        here = models[0] if len(models) == 1 else None
        if len(models) > 1:
            kinds = {get_args(one.model_fields["kind"].annotation)[0]: one for one in models}
    return key, section


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a field may hold; those of a mapping's values do not count."""
    if get_origin(annotation) is dict:
        return []
    kinds = (annotation, *get_args(annotation))
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _key_of_kind(location: list[str], section: type[BaseModel]) -> str:
    """What a section of this kind has instead of the key."""
    *above, name = location
    names = list(section.model_fields)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f", did you mean {'.'.join([*above, close[0]])}?"
    kind = get_args(section.model_fields["kind"].annotation)[0]
    return f": kind {kind} has {', '.join(names)}; a value of null takes another file's key away"


def _expectation(found: Mapping[str, Any]) -> str:
    """What was expected, from pydantic's sentence about what should be."""
    if found["type"] in ("model_type", "dict_type", "model_attributes_type"):
        return "a section of keys"
    if found["type"] == "union_tag_invalid":
        return f"one of {found['ctx']['expected_tags']}"
    message = found["msg"]
    for start in ("Input should be ", "Value error, expected ", "Value error, ", "String should "):
        message = message.removeprefix(start)
    if message.startswith(("greater", "less")):
        message = f"a number {message}"
    if message.startswith(("match", "have")):
        message = f"text to {message}"
    return message.partition(", unable to")[0]


def _suggestion(location: list[str], model: type[BaseModel]) -> str:
    """A close name in the same section, else the same name in another one."""
    name, siblings = location[-1], _keys(model)
    parents = {".".join(location[:-1]), ".".join([*location[:-2], ANY])}
    here = [key.split(".")[-1] for key in siblings if key.rpartition(".")[0] in parents]
    close = difflib.get_close_matches(name, here, n=1)
    if close:
        return f", did you mean {'.'.join([*location[:-1], close[0]])}?"
    elsewhere = [key for key in siblings if key.split(".")[-1] == name and ANY not in key]
    if elsewhere:
        return f", did you mean {elsewhere[0]}?"
    return f", expected one of: {', '.join(here)}" if here else ""


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of all keys of a model, sections included; `*` is a name that a user gives."""
    keys = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        named = f"{name}.{ANY}" if get_origin(field.annotation) is dict else name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel) and name != "root":
                keys += _keys(kind, f"{prefix}{named}.")
    return keys
