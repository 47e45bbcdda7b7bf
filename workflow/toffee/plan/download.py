"""Bytes to download: of the lock file where a model is known there, else estimated."""

from pathlib import Path

from toffee.config.models import HubSource, ZooSource
from toffee.download.fetch import in_order
from toffee.download.hub import is_wanted, matches, patterns
from toffee.download.lock import SourceLock
from toffee.plan.architectures import Architectures

DREAMBENCH = 111_700_000
"""Bytes of DreamBench's photos at the pinned revision of google/dreambooth."""


class Downloads:
    """Bytes that the downloads of a run fetch. Attributes:

    estimated: roles whose sizes are estimates, 4 bytes a parameter.
    """

    def __init__(self, models: Architectures, lock: Path) -> None:
        """Take the models, and the path of the lock file (config `models.lock`)."""
        self.models, self.lock = models, lock
        self.estimated: list[str] = []

    def model(self, role: str) -> int:
        """Bytes of the base model of a role; none for one that ships with the repository.

        Raises:
            ToffeeError: the lock file cannot be read.
        """
        source = self.models.sources[role]
        if isinstance(source, ZooSource):
            return 0
        known = self._locked(source)
        if known is None:
            self.estimated.append(role)
            return 4 * self.models.parameters(role)
        return known

    def _locked(self, whole: HubSource) -> int | None:
        """Bytes of the files that the lock has for a source; None where not all are there."""
        source = in_order(whole, self.lock)[0]
        lock = SourceLock(self.lock, source.repo, source.revision)
        files = {
            name: one for name, one in lock.files(lock.key or "").items() if is_wanted(name, source)
        }
        # An entry may be another role's alone, which asks for other files of the repository.
        named = [pattern for pattern in patterns(source) if "*" not in pattern]
        there = all(any(matches(name, pattern) for name in files) for pattern in named)
        return sum(one.size for one in files.values()) if files and there else None
