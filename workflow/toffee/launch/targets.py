"""One line for a target or a scale that does not exist: what the user wrote, and what exists."""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import NoReturn, ParamSpec, TypeVar

from toffee.launch.adopt import ONLY_PLANNING
from toffee.runtime.errors import ToffeeError
from toffee.runtime.settings import read_settings

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT = "tiny"
"""The scale of config/config.yaml, over which the files of the others are laid."""

BY_NAME_ALONE = ("export_folder", "export_imagenhub")
"""Rules that are asked for by their own names: no target gathers what they make."""

LOOKING = (
    *("dryrun", "nolock", "unlock", "lint", "touch", "report", "archive", "containerize"),
    *("dag", "rulegraph", "filegraph", "d3dag", "summary", "detailed_summary", "list_rules"),
    *("list_target_rules", "list_changes", "list_input_changes", "list_params_changes"),
    *("list_untracked", "list_conda_envs", "delete_all_output", "delete_temp_output"),
    *("cleanup_metadata", "cleanup_shadow", "conda_cleanup_envs", "conda_cleanup_pkgs"),
    *("conda_create_envs_only", "container_cleanup_images", "generate_unit_tests", "export_cwl"),
    *("print_compilation", "draft_notebook", "edit_notebook"),
)
"""Options of Snakemake with which it runs no job, or runs without its lock."""


READING = (
    *("dryrun", "lint", "dag", "rulegraph", "filegraph", "d3dag", "summary", "detailed_summary"),
    *("list_rules", "list_target_rules", "list_changes", "list_input_changes"),
    *("list_params_changes", "list_untracked", "list_conda_envs"),
)
"""Those of them that write nothing."""


def scales(folder: str | Path) -> dict[str, Path]:
    """The scales that ship with the project, and the file of each."""
    folder = Path(folder)
    files = {path.stem: path for path in sorted(folder.glob("*.yaml")) if _is_scale(path)}
    return {DEFAULT: folder / "config.yaml"} | files


def scale_file(
    folder: str | Path, given: Mapping[str, object], configfiles: Sequence[str | Path]
) -> str | None:
    """File of the scale that `--config scale=NAME` names; None where nothing is to be laid over.

    A name of one's own is fine together with a `--configfile` of one's own. Alone it would give the
    default scale's values under another name, and so would a scale's name in, or beside, files
    without that scale's own values.

    Args:
        folder: folder of config.yaml.
        given: the values after `--config`.
        configfiles: the paths after `--configfile`.
    """
    known = scales(folder)
    name = given.get("scale", _named_in(configfiles))
    if name is None or name == DEFAULT:
        return None
    if configfiles:
        own = known.get(str(name))
        # An audit plans with what is kept of a run's files, maybe of an older checkout's.
        if own and ONLY_PLANNING not in os.environ and not _brings(configfiles, own):
            files = " ".join(str(path) for path in configfiles)
            stop(
                f"scale {name} has values of its own: give --configfile "
                f"{os.path.relpath(own)} {files}, or call the run by another name"
            )
        return None
    if name not in known:
        stop(unknown_scale(str(name), list(known)))
    return str(known[str(name)])


def _brings(configfiles: Sequence[str | Path], own: Path) -> bool:
    """Whether files of settings, which may be copies, say something of all that a scale's does."""
    given = {key for path in configfiles for key in _keys(checked(read_settings, path))}
    return given.issuperset(_keys(read_settings(own)))


def _keys(settings: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(settings, Mapping) or not settings:
        yield above
        return
    for name, value in settings.items():
        yield from _keys(value, (*above, str(name)))


def _named_in(configfiles: Sequence[str | Path]) -> object:
    """The scale that files of settings name, the last one of those that do; None for none."""
    found = [checked(read_settings, path) for path in configfiles]
    names = [one["scale"] for one in found if isinstance(one, dict) and "scale" in one]
    return names[-1] if names else None


def tables_of(rule_file: Path) -> list[str]:
    """Names of the tables that a rule file makes, in its order: rule tabulate_views makes views."""
    text = rule_file.read_text(encoding="utf-8")
    return re.findall(r"^rule tabulate_(\w+):", text, re.M)


def requested(arguments: Sequence[str]) -> list[str]:
    """Targets that a command line of Snakemake names: none for the default target, or where it is
    the process of one of its jobs.

    Args:
        arguments: as `sys.argv`.
    """
    given = command_line(arguments)
    return given.targets or [] if given else []


def writes_nothing(arguments: Sequence[str]) -> bool:
    """Whether a command line of Snakemake asks for a plan, a list or a graph.

    Args:
        arguments: as `sys.argv`.
    """
    given, default = command_line(arguments), command_line(arguments[:1])
    return given is not None and any(getattr(given, n) != getattr(default, n) for n in READING)


def only_looks(arguments: Sequence[str]) -> bool:
    """Whether a command line of Snakemake runs no job, or not under Snakemake's lock.

    Args:
        arguments: as `sys.argv`.
    """
    given, default = command_line(arguments), command_line(arguments[:1])
    return given is None or any(getattr(given, n) != getattr(default, n) for n in LOOKING)


def plans_jobs_of(rule: str, arguments: Sequence[str]) -> bool:
    """Whether a process of Snakemake looks at a rule: that of a submitted job only at its own ones.

    Args:
        rule: its name.
        arguments: as `sys.argv`.
    """
    given = command_line(arguments)
    return given is None or not given.allowed_rules or rule in given.allowed_rules


def asks_for_report(arguments: Sequence[str]) -> bool:
    """Whether a command line of Snakemake writes Snakemake's own report, and runs no job.

    Args:
        arguments: as `sys.argv`.
    """
    given = command_line(arguments)
    return given is not None and bool(given.report)


def command_line(arguments: Sequence[str]) -> argparse.Namespace | None:
    """A command line of Snakemake as Snakemake reads it, profiles left out; None for another
    program's.

    Args:
        arguments: as `sys.argv`.
    """
    if "snakemake" not in Path(arguments[0]).parts[-2:]:
        return None
    return _parsed(tuple(arguments[1:]))


@cache
def _parsed(words: tuple[str, ...]) -> argparse.Namespace:
    """What nobody may change: to make Snakemake's parser takes a tenth of a second."""
    from snakemake.cli import get_argument_parser

    return get_argument_parser().parse_known_args(list(words))[0]


def unknown_scale(name: str, known: Sequence[str]) -> str:
    """The line for a scale that is none."""
    return f"unknown scale {name}, expected one of: {', '.join(known)} (or a --configfile of yours)"


def unknown_target(target: str, names: Sequence[str], scale: str) -> str:
    """The line for a target that is none.

    Args:
        target: as the user wrote it.
        names: targets that have a name.
        scale: scale of this run.
    """
    parts = PurePath(target).parts
    if len(parts) > 2 and parts[0] == "results" and parts[1] not in (scale, "zoo"):
        return f"{target} is a file of scale {parts[1]}, and this run's is {scale}"
    close = difflib.get_close_matches(target, names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return (
        f"unknown target {target}{hint}, expected a file below results/{scale} or one of: "
        f"{', '.join(names)}"
    )


def checked(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a check; what it finds wrong is one line on stderr, before any rule runs."""
    try:
        return function(*arguments, **named)
    except ToffeeError as error:
        stop(error)


def stop(line: object) -> NoReturn:
    """Say one line and leave."""
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(1)


def _is_scale(path: Path) -> bool:
    """Whether a YAML file of the config folder says which scale it is: its own name."""
    with open(path, encoding="utf-8") as file:
        return any(line.split("#")[0].split() == ["scale:", path.stem] for line in file)
