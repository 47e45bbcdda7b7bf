"""What pydantic finds wrong, in one line that names the key.

Knows no section, so that what reads a file of its own does not depend on the whole configuration.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

ANY = "*"
NAME = "[key]"
"""What pydantic adds to the location of a mapping's key that is wrong itself."""

PATTERNS = {
    r"^[a-z][a-z0-9_]{0,39}$": "at most 40 lower-case letters, digits and _ (a letter first)",
    r"^[a-z0-9][a-z0-9_]*$": "lower-case letters, digits and _ (a letter or digit first)",
    r"^[a-z0-9][a-z0-9_-]*$": "lower-case letters, digits, _ and - (a letter or digit first)",
    r"^[a-z0-9_]+$": "lower-case letters, digits and _",
    r"^[0-9a-f]{7,40}$": "a commit (7 to 40 lower-case hexadecimal digits)",
    r"^[0-9a-f]{40}$": "a commit (40 lower-case hexadecimal digits)",
    r"^[0-9a-f]{64}$": "a SHA-256 (64 lower-case hexadecimal digits)",
    r"^(https?|ssh|git|file)://\S+$": "a URL of https, http, ssh, git or file",
    r"^[\w.-]+/[\w.-]+$": "owner/name, of letters, digits, _, . and -",
    r"^\w[\w.-]*(/\w[\w.-]*)*$": "a commit, branch or tag",
}
"""The patterns of the sections in words, for those who do not read regular expressions."""

NUMBERS = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}
"""Pydantic's types of findings about how many values there are."""


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
    of_name = location[-1:] == [NAME]
    if of_name:
        location.pop()
    key = ".".join([*([prefix] if prefix else []), *location]) or "(top level)"
    if first["type"] == "extra_forbidden":
        if section is not None:
            return f"unknown config key {key}{_key_of_kind(location, section)}"
        return f"unknown config key {key}{_suggestion(location, model)}"
    if first["type"] in ("missing", "union_tag_not_found"):
        return f"config key {key} is missing"
    expected = f"{_expectation(first)}{' as its name' if of_name else ''}"
    return f"config key {key}: expected {expected}{_found(first)}"


def _found(finding: Mapping[str, Any]) -> str:
    """What there was instead; of a whole section nothing."""
    got = finding["input"]
    if finding["type"] == "union_tag_invalid":
        got = finding["ctx"]["tag"]
    if finding["type"] in NUMBERS:
        got = finding["ctx"]["actual_length"]
    return f", got {got!r}" if not isinstance(got, dict | BaseModel) else ""


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
    if found["type"] in NUMBERS:
        bound, key = NUMBERS[found["type"]]
        count = found["ctx"][key]
        return f"{bound} {count} value{'s' * (count != 1)}"
    if found["type"] == "string_pattern_mismatch" and found["ctx"]["pattern"] in PATTERNS:
        return PATTERNS[found["ctx"]["pattern"]]
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
