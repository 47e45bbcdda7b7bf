"""What Snakemake prints a traceback for before it has read the Snakefile: slips in its command line
are one line each, and a home that nobody can write is done without.

The profile that Snakemake always takes (profiles/default) calls this before Snakemake looks at the
values.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from toffee.launch.graceful import say_interrupts
from toffee.launch.nobody import name_and_home
from toffee.launch.targets import command_line, stop
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PROJECT
from toffee.runtime.settings import TWICE, parse_settings, read_settings

CACHE = "XDG_CACHE_HOME"
"""Environment variable: the folder of a user's caches, if it is not `~/.cache`."""

TAKEN_ONCE = {
    ("--config", "-C"): "--config NAME=VALUE NAME=VALUE",
    ("--configfile", "--configfiles"): "--configfile FILE FILE",
}
"""Options that take several values, by their names, and how these are written."""

_NAME = re.compile(r"[A-Za-z_][\w-]*\w")  # as Snakemake wants it


def check_command_line(arguments: Sequence[str]) -> None:
    """Leave with one line where `--config` or `--configfile` are not what Snakemake can read. Give
    it a place for its cache, a user's name where the system knows none, and Ctrl-C one line.

    Args:
        arguments: as `sys.argv`.
    """
    given = command_line(arguments)
    if given is None:
        return
    if found := given_twice(arguments):
        stop(found)
    say_interrupts()
    os.environ.update(name_and_home(os.environ, tempfile.gettempdir()))
    _have_a_cache()
    for entry in given.config or []:
        if found := wrong_value(str(entry)):
            stop(found)
    files = [Path(path) for path in given.configfile or []]
    for number, path in enumerate(files):
        if found := wrong_file(path, files[:number]):
            stop(found)


def given_twice(arguments: Sequence[str]) -> str | None:
    """What is wrong where an option stands twice, of which Snakemake takes the last; None for
    nothing."""
    words = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    for names, values in TAKEN_ONCE.items():
        if sum(word.partition("=")[0] in names for word in words) > 1:
            return f"{names[0]} is given twice, and only the last one counts: write {values}"
    return None


def _have_a_cache() -> None:
    """Snakemake makes its cache in the user's home, even to plan. A user may have none, as in many
    containers: then libraries and jobs take a temporary folder too."""
    place = Path(os.environ.get(CACHE) or os.path.expanduser("~/.cache")).absolute() / "snakemake"
    there = next(path for path in (place, *place.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        os.environ[CACHE] = tempfile.mkdtemp(prefix="toffee-cache-")
        atexit.register(shutil.rmtree, os.environ[CACHE], ignore_errors=True)


def wrong_value(entry: str) -> str | None:
    """What is wrong with an entry of `--config`; None for nothing."""
    name, equals, value = entry.partition("=")
    if equals and _NAME.fullmatch(name):
        twice = _twice(value)
        return f"--config {entry}: {twice}" if twice else None
    section, *keys = name.split(".")
    if equals and keys and section and all(keys):
        for key in reversed(keys):
            value = f"{{{key}: {value}}}"
        return f"--config {entry}: write --config '{section}={value}'"
    return f"--config {entry}: expected NAME=VALUE"


def _twice(value: str) -> str | None:
    """What is wrong with a value that gives a key twice; of others Snakemake itself judges."""
    try:
        parse_settings(value)
    except ValueError as error:
        return str(error) if TWICE in str(error) else None
    return None


def wrong_file(path: Path, before: Sequence[Path]) -> str | None:
    """What is wrong with a path after `--configfile`; None for nothing.

    Args:
        path: the path.
        before: those that stand before it, which are right.
    """
    found = _not_settings(path)
    if found and before and path.suffix not in (".yaml", ".yml", ".json"):
        option = f"--configfile {' '.join(map(str, before))}"
        found += f"; a target stands after --: {option} -- {path}"
    return found and f"--configfile {found}"


def _not_settings(path: Path) -> str | None:
    """Why a file holds no settings; None where it does."""
    if not path.exists():
        return f"{path}: no such file"
    try:
        content = read_settings(path)
    except ToffeeError as error:
        return str(error)
    if not isinstance(content, dict):
        example = (PROJECT / "config" / "demo.yaml").relative_to(PROJECT)
        return f"{path}: expected keys and values, as in {example}"
    return None
