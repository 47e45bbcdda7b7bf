"""What a job ran on: checkout, installed packages, machine, and the command line of its Snakemake.

What names a person or a machine is recorded as a salted digest: who knows the name can check it.
"""

import getpass
import hashlib
import json
import os
import platform
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from toffee.provenance.digests import describe
from toffee.runtime.project import PROJECT

LOCK = Path("envs", "requirements.txt")
"""The pinned packages of the environment."""

MODELS_LOCK = "config/models.lock.yaml"
"""A download of a run adds to it: that is no change of the checkout."""

CODE = [f"{folder}/*.{kind}" for folder in ("workflow", "tools") for kind in ("py", "so")]
"""Where Python finds modules in the checkout."""

RUN = "TOFFEE_RUN"
"""Environment variable by which Snakemake's process tells its jobs how it was called."""

LONGEST_DIFF = 2**20
"""Characters of a diff of the checkout that are kept; its digest is of all of it."""


def note_run(
    arguments: Sequence[str],
    config: Mapping[str, Any],
    files: Sequence[tuple[str, Any]],
    first: bool = True,
) -> None:
    """Tell the jobs of this process how it was called, for their records.

    Args:
        arguments: the command line.
        config: the values after `--config`.
        files: name and content of the files after `--configfile`.
        first: whether this is the process that the user called: what another one is told by it
            stays.
    """
    if first or RUN not in os.environ:
        words = [_without_names(word) for word in arguments] if first else []
        run = {"command": words, "config": dict(config), "configfiles": list(files)}
        os.environ[RUN] = json.dumps(run, default=str, sort_keys=False)


def name_of(file: str | Path) -> str:
    """Name of a file in a record: within the checkout, or its last part."""
    path = Path(file).absolute()
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else path.name


def _without_names(word: str) -> str:
    """A word of a command line without the home folder and the name of the user."""
    home, user = os.path.expanduser("~"), _user()  # "~" of a user that the system does not know
    word = word.replace(home, "~") if len(home) > 1 else word
    return re.sub(rf"(?<![\w-]){re.escape(user)}(?![\w-])", "<user>", word) if user else word


@cache
def environment() -> dict[str, str | None]:
    """The lock of the environment (SHA-256), the interpreter and the machine."""
    lock = PROJECT / LOCK
    return {
        "lock": describe(lock)["sha256"] if lock.is_file() else None,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "container": _container(),
        "host": salted(socket.gethostname()),
        "user": salted(_user()),
    }


def salted(name: str) -> str:
    """A name that cannot be read back: a random salt and the SHA-256 of salt and name."""
    salt = secrets.token_hex(8)
    return f"{salt}:{hashlib.sha256((salt + name).encode()).hexdigest()}"


@cache
def installed() -> str:
    """The installed packages as JSON: name → version and SHA-256 of the list of its files, which
    has their digests. Of two of a name the one that Python finds first."""
    found: dict[str, list[str | None]] = {}
    for place in sys.path:
        with suppress(OSError):
            for folder in sorted(Path(place).glob("*.dist-info")):
                name, _, version = folder.name.removesuffix(".dist-info").partition("-")
                files = folder / "RECORD"
                digest = describe(files)["sha256"] if files.is_file() else None
                found.setdefault(normal(name), [version, digest])
    found.pop("toffee", None)  # the checkout itself
    return json.dumps(dict(sorted(found.items())), indent=0) + "\n"


def normal(name: str) -> str:
    """A package's name, however it is spelt."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """The versions that the text of a lock pins, by the name of the package."""
    found = re.findall(r"^([\w.-]+)==([\w.!]+)$", lock, re.M)
    return {normal(name): version for name, version in found}


def _cpu() -> str:
    """Model of the processor."""
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _container() -> str | None:
    """The container that this process is in, as far as it can tell."""
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        if os.environ.get(name):
            return Path(os.environ[name]).name
    if Path("/.dockerenv").exists():
        return "docker"
    return "podman" if Path("/run/.containerenv").exists() else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without a name
        return str(os.getuid())


@cache
def git_state() -> dict[str, Any]:
    """Commit of the checkout, whether its files differ from it, and how; None where there is no
    git. Code beside the tracked files is a difference too: Python may find it."""
    try:
        # A checkout inside of another repository is none.
        if Path(_git("rev-parse", "--show-toplevel").strip()) != PROJECT:
            return {"commit": None, "changed": None}
        others = ["--", ".", f":(exclude){MODELS_LOCK}"]
        status = _git("status", "--porcelain", "--untracked-files=no", *others)
        unknown = _git("ls-files", "-z", "--others", "--exclude-standard", "--", *CODE)
        changed = bool(status.strip() or unknown)
        state = {"commit": _git("rev-parse", "HEAD").strip(), "changed": changed}
        if changed:
            diff = _git("diff", "--no-ext-diff", "--binary", "HEAD", *others)
            state["diff"] = diff + "".join(map(_untracked, unknown.split("\0")[:-1]))
        return state
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "changed": None}


def _git(*arguments: str) -> str:
    """What git says of the checkout, whoever owns it and whatever repository the user's environment
    names; without locks, so that no commit of the user's has to wait."""
    trusted = ("-c", f"safe.directory={PROJECT}", "-c", "core.fsmonitor=false")
    done = subprocess.run(
        ["git", "--no-optional-locks", *trusted, "-C", str(PROJECT), *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("utf-8", "replace")


def _untracked(name: str) -> str:
    content = (PROJECT / name).read_bytes().decode("utf-8", "replace")
    return f"untracked {name}\n{content}\n"
