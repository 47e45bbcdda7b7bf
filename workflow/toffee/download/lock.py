"""The lock of the hub's models: the digests of the first download, which later ones must match.

A readable YAML file (config key `models.lock`). An entry belongs to a source, repository@commit,
whatever roles it fills and whatever mirror served it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from toffee.config.models import COMMIT, DEFAULT_REVISION
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.runtime.settings import read_settings

HEADER = """\
# What the hub's models are made of, written by their first download and compared with ever after.
# Commit it with your results: another machine, another day and a mirror must then give these bytes.
#   revisions: branch, tag or short commit, as the catalogue has it → the commit that it stands for
#   files: repository@commit → file → SHA-256 and size in bytes
#   written: the same of the safetensors that are written from weights of another format
# To accept other bytes, delete their entry. Empty: nothing has been fetched from a hub yet.
"""

Key = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+@[0-9a-f]{40}$")]


class Entry(BaseModel):
    """The digest and the size of one file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Lock(BaseModel):
    """The content of a lock file."""

    model_config = ConfigDict(extra="forbid")

    files: dict[Key, dict[str, Entry]] = Field(default_factory=dict)
    written: dict[Key, dict[str, Entry]] = Field(default_factory=dict)
    revisions: dict[str, Key] = Field(default_factory=dict)


def read_lock(path: str | Path) -> Lock:
    """Read a lock file; one that is missing or empty locks nothing.

    Raises:
        ToffeeError: it cannot be read, or is not as `Lock` says.
    """
    if not os.path.lexists(path):
        return Lock()
    try:
        return Lock.model_validate(read_settings(path) or {})
    except ToffeeError as error:
        raise ToffeeError(f"models.lock: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top level)"
        raise ToffeeError(f"{path} (models.lock): {where}: {first['msg']}") from None


class SourceLock:
    """The part of a lock file about one source.

    Attributes:
        path: the lock file.
        revision: repository@revision as the catalogue has it, where that is no commit.
        key: repository@commit of the source's entry; None where the revision has never been looked
            up. That of a mirror where the repository was gone before it was looked up.
    """

    def __init__(self, path: str | Path, repo: str, revision: str | None) -> None:
        """Read what is locked for a repository at a revision (the default branch if None).

        Raises:
            ToffeeError: the lock file cannot be read.
        """
        self.path = Path(path)
        self._lock = read_lock(path)
        name = f"{repo}@{revision or DEFAULT_REVISION}"
        pinned = bool(COMMIT.match(revision or ""))
        self.revision = None if pinned else name
        self.key = name if pinned else self._lock.revisions.get(name)

    def files(self, key: str) -> dict[str, Entry]:
        """The locked files of the source, or of `key` (repository@commit) where it has no own."""
        return self._lock.files.get(self.key or key, {})

    def written(self, key: str) -> dict[str, Entry]:
        """What was written of the source's weights, by path in the model; `key` as in `files`."""
        return self._lock.written.get(self.key or key, {})

    def record(
        self, key: str, files: Mapping[str, Entry], written: Mapping[str, Entry] | None = None
    ) -> None:
        """Add the files of a download. Parallel jobs wait for each other; the file is always whole.

        Args:
            key: repository@commit that served it, the source's own where it has none yet.
            files: digests and sizes, by path in the repository.
            written: of what was written of them, by path in the model.

        Raises:
            ToffeeError: in the meantime another job has locked other bytes.
        """
        from huggingface_hub.utils import WeakFileLock

        key = self.key or key
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A separate file is locked, because `write_text` replaces the lock file itself.
        with WeakFileLock(self.path.with_name(f".{self.path.name}.guard")):
            lock = read_lock(self.path)
            before = lock.model_dump()
            _add(lock.files.setdefault(key, {}), files, f"of {key}", self.path)
            if written:
                _add(lock.written.setdefault(key, {}), written, f"written of {key}", self.path)
            if self.revision is not None and lock.revisions.setdefault(self.revision, key) != key:
                raise ToffeeError(
                    f"{self.revision} was {key} a moment ago, and is locked to "
                    f"{lock.revisions[self.revision]} in {self.path} since: start again"
                )
            if lock.model_dump() != before:
                text = yaml.safe_dump(lock.model_dump(), sort_keys=True, width=200)
                write_text(self.path, HEADER + text)


def _add(entries: dict[str, Entry], new: Mapping[str, Entry], what: str, path: Path) -> None:
    """Add entries, none of which may differ from one that is there."""
    for name, entry in new.items():
        if entries.setdefault(name, entry) != entry:
            raise ToffeeError(
                f"{name} {what} has SHA-256 {entry.sha256}, expected {entries[name].sha256}, which "
                f"was locked in {path} in the meantime"
            )
