"""What profiles/slurm and profiles/local are made of besides their own lines.

A profile is read before the Snakefile, so this looks at the command line for what decides how much
a job needs: the set of base models (config `models.set`).
"""

import fnmatch
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toffee.launch.targets import DEFAULT, checked, command_line, scales, stop
from toffee.provenance.code import rule_functions
from toffee.runtime.project import PROJECT
from toffee.runtime.settings import parse_settings, read_settings

PROFILES = PROJECT / "profiles"
NESTED = (
    *("default-resources", "set-resources", "set-threads"),
    *("resources", "set-resource-scopes", "groups"),
)
ELSEWHERE = ("config", "configfile", "configfiles")  # these decide which set of models is used


def settings(profile: str) -> dict[str, Any]:
    """What each rule needs, with what the profile adds and the site's own file laid over it.

    Args:
        profile: `slurm` or `local`, a folder of profiles/; its `groups.yaml` and `site.yaml` are
            optional.
    """
    merged = resources_of(model_set(sys.argv))
    for name in ("groups.yaml", "site.yaml"):
        path = PROFILES / profile / name
        if path.is_file():
            content = _read(path)
            if found := next((key for key in ELSEWHERE if key in content), None):
                stop(f"{path}, {found}: give it on the command line, this file is for the site")
            merged = laid_over(merged, content)
    return merged


def jobs_at_once(profile: str) -> int:
    """How many jobs a profile of the repository has at work at once."""
    return int(_read(PROFILES / profile / "config.yaml")["jobs"])


def resources_of(models: str) -> dict[str, Any]:
    """What each rule needs with a set of base models. `tabulate_*` in the file names all rules that
    match it."""
    content = _read(PROFILES / "resources" / f"{models}.yaml")
    rules = list(rule_functions())
    content["set-resources"] = {
        rule: needs
        for name, needs in content.get("set-resources", {}).items()
        for rule in (fnmatch.filter(rules, name) if "*" in name else [name])
    }
    return content


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a profile over those of another: resources entry by entry, other keys whole."""
    merged = dict(below)
    for key, value in above.items():
        entries = key in NESTED and value is not None and below.get(key) is not None
        merged[key] = _entries(key, below[key], value) if entries else value
    return merged


def model_set(arguments: Sequence[str]) -> str:
    """The set of base models that a command line of Snakemake asks for.

    Args:
        arguments: as `sys.argv`.
    """
    given = command_line(arguments)
    files = [Path(path) for path in (given.configfile if given else None) or []]
    values = [str(one) for one in (given.config if given else None) or []]
    scale = next((one[6:] for one in values if one[:6] == "scale="), DEFAULT)
    if not files and scale != DEFAULT:
        known = scales(PROJECT / "config")
        files = [known[scale]] if scale in known else []
    found = "tiny"
    for path in files:
        if path.is_file():  # Snakemake says so where it is none
            models = _read(path).get("models")
            found = models.get("set", found) if isinstance(models, dict) else found
    for one in values:
        if one.startswith("models="):
            given = _parsed(one.removeprefix("models="))
            found = given.get("set", found) if isinstance(given, dict) else found
    if not (PROFILES / "resources" / f"{found}.yaml").is_file():
        stop(f"profiles/resources/{found}.yaml is missing: what jobs with models.set {found} need")
    return found


def _entries(key: str, below: Mapping[str, Any], above: Any) -> dict[str, Any]:
    deep = key == "set-resources"
    if (
        not isinstance(above, Mapping)
        or deep
        and not all(isinstance(value, Mapping) for value in above.values())
    ):
        stop(f"site.yaml, {key}: expected {'RULE: {NAME: VALUE}' if deep else 'NAME: VALUE'}")
    merged = dict(below)
    for name, value in above.items():
        merged[name] = {**below.get(name, {}), **value} if deep else value
    return merged


def _parsed(text: str) -> Any:
    """A value of the command line; what is none, the check of the configuration tells."""
    try:
        return parse_settings(text)
    except ValueError:
        return None


def _read(path: Path) -> dict[str, Any]:
    content = checked(read_settings, path) or {}
    if not isinstance(content, dict):
        stop(f"{path}: expected a mapping of settings")
    return content
