"""Files of one commit of a git repository.

A commit's id is a digest of all that it holds: git computes the id of every object that arrives,
and the files are hashed once more when they are written. A server can therefore leave files out,
but not change them. Nothing is checked out: no hook, filter or line-ending rule of a repository or
of the user changes the bytes.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import remove
from toffee.runtime.progress import progress
from toffee.runtime.signals import die_with_parent

COMMIT = re.compile(r"[0-9a-f]{40}")
END = "--end-of-options"
"""What follows is no option of git's, whatever it begins with."""

BATCH = 8
"""Files fetched at once: a lost connection loses at most these."""

PATIENCE = (1, 4, 16)
"""Seconds to wait between attempts after a lost connection."""

NO_COMMIT = ("not our ref", "unadvertised object", "not a valid object name", "no such remote ref")
NO_REPOSITORY = (
    "terminal prompts disabled",  # GitHub asks for a login if there is no public repository
    "does not appear to be a git repository",
    "' not found",
    "Authentication failed",
)
PERMANENT = ("Could not resolve host", "No space left on device")
"""Errors that a retry within seconds does not solve."""

ENVIRONMENT = {
    "LC_ALL": "C",  # `_fetch` looks for English words in the messages
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
    "GIT_NO_LAZY_FETCH": "1",
}
OPTIONS = (
    *("-c", "credential.helper="),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "http.lowSpeedLimit=1000"),  # bytes a second; less for so long is a dead connection
    *("-c", "http.lowSpeedTime=60"),
)


class GitError(Exception):
    """The text is git's own line about the error."""


def fetch_commit(
    url: str, revision: str, work: Path, wanted: Sequence[str], desc: str
) -> dict[str, str]:
    """Fetch what a commit holds under some paths.

    Args:
        url: the repository.
        revision: the commit, 40 hexadecimal digits.
        work: a bare repository, new or from an earlier attempt; it is not fetched twice.
        wanted: patterns of paths, in which `*` stands for anything, slashes too.
        desc: what is being fetched, for the progress shown.

    Returns:
        Path of each file → id of its content, for `write_files`.

    Raises:
        ToffeeError: git is missing, the repository or the commit is, the connection broke again and
            again, a path is no plain file, or the revision is no commit's id. What arrived stays in
            `work`.
    """
    if not COMMIT.fullmatch(revision):
        raise ToffeeError(f"revision {revision!r}: expected a commit (40 hexadecimal digits)")
    _prepare(work)
    if not _has_commit(work, revision):
        _fetch(url, revision, work, ("--depth", "1", "--filter=blob:none", END, "origin", revision))
    if not _has_commit(work, revision):
        raise ToffeeError(f"{url} has no commit {revision}")
    files = _files(work, revision, wanted)
    absent = _missing(work, revision)
    missing = [one for one in dict.fromkeys(files.values()) if one in absent]
    parts = [missing[i : i + BATCH] for i in range(0, len(missing), BATCH)]
    for part in progress(parts, desc=desc, unit="part"):
        arguments = ("--no-write-fetch-head", "--filter=blob:none", "--stdin", END, "origin")
        _fetch(url, revision, work, arguments, "".join(f"{one}\n" for one in part))
    return files


def reach(url: str) -> None:
    """Ask a repository for its branches.

    Raises:
        ToffeeError: there is no git, or no such repository, or it does not answer.
    """
    with tempfile.TemporaryDirectory() as work:
        try:
            _prepare(Path(work))
            quick = ("-c", "http.lowSpeedTime=10")
            _git(Path(work), *quick, "ls-remote", "--quiet", "--heads", END, url)
        except GitError as error:
            raise ToffeeError(f"cannot read {url}: {error}") from None


def write_files(work: Path, files: Mapping[str, str], folder: Path) -> None:
    """Write files that `fetch_commit` fetched, each hashed against its id.

    Raises:
        ToffeeError: one is not there, or is not what its id says.
    """
    ids = "".join(f"{one}\n" for one in files.values())
    answer = io.BytesIO(_git(work, "cat-file", "--batch", stdin=ids.encode()))
    for path, one in files.items():
        _, kind, *size = answer.readline().split()
        if kind != b"blob":
            raise ToffeeError(f"{work}: {path} is {kind.decode()}")
        content = answer.read(int(size[0]))
        answer.readline()
        found = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        if found != one:
            raise ToffeeError(f"{work}: {path} has git id {found}, expected {one}")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _prepare(work: Path) -> None:
    """Make a bare repository, or remove the temporary files of a killed git from it."""
    work.mkdir(parents=True, exist_ok=True)
    for left in (*work.rglob("*.lock"), *work.rglob("tmp_*")):
        remove(left)
    _git(work, "init", "--quiet", "--bare", "--template=")


def _has_commit(work: Path, revision: str) -> bool:
    try:
        return _git(work, "cat-file", "-t", END, revision).strip() == b"commit"
    except GitError:
        return False


def _files(work: Path, revision: str, wanted: Sequence[str]) -> dict[str, str]:
    """Path → id of the commit's files that are wanted."""
    files = {}
    for line in _git(work, "ls-tree", "-r", "-z", "--full-tree", END, revision).split(b"\0")[:-1]:
        described, _, name = line.partition(b"\t")
        mode, kind, one = described.decode().split()
        path = os.fsdecode(name)
        if not any(fnmatchcase(path, pattern) for pattern in wanted):
            continue
        if kind != "blob" or mode not in ("100644", "100755"):
            raise ToffeeError(f"commit {revision}: {path} is no plain file")
        files[path] = one
    return files


def _missing(work: Path, revision: str) -> set[str]:
    """Ids of the commit's files that have not arrived yet."""
    options = ("--objects", "--missing=print", "--max-count=1", END)
    listed = _git(work, "rev-list", *options, revision)
    return {line[1:].decode() for line in listed.splitlines() if line.startswith(b"?")}


def _fetch(url: str, revision: str, work: Path, arguments: Sequence[str], stdin: str = "") -> None:
    """Run `git fetch`, and repeat it after a lost connection."""
    options = ("-c", f"remote.origin.url={url}", "-c", "fetch.negotiationAlgorithm=noop")
    command = (*options, "fetch", "--quiet", "--no-tags", *arguments)
    for pause in (*PATIENCE, None):
        try:
            _git(work, *command, stdin=stdin.encode())
            return
        except GitError as error:
            message = str(error)
        if any(text in message for text in NO_COMMIT):
            raise ToffeeError(f"{url} has no commit {revision} ({message})")
        if any(text in message for text in NO_REPOSITORY):
            raise ToffeeError(f"no repository at {url} ({message})")
        if pause is None or any(text in message for text in PERMANENT):
            raise ToffeeError(f"cannot fetch {url}: {message}; what has arrived is kept")
        print(f"{url}: {message}; again in {pause} s", file=sys.stderr)
        time.sleep(pause)


def _git(work: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """The output of a git command. Raises GitError if the command fails."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    # The user's settings of certificates and proxies apply here too.
    inherited |= {k: v for k, v in os.environ.items() if k.startswith(("GIT_SSL_", "GIT_PROXY_"))}
    command = ["git", f"--git-dir={work}", *OPTIONS, *arguments]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            env=inherited | ENVIRONMENT,
            preexec_fn=die_with_parent,
        )
    except FileNotFoundError as error:
        raise ToffeeError("git is not installed, and this download needs it") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        fatal = [line for line in lines if line.startswith(("fatal: ", "error: "))]
        raise GitError((fatal or lines or [f"git ended with status {done.returncode}"])[0])
    return done.stdout
