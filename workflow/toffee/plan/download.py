"""Bytes to download: of the lock file where a model is known there, else estimated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from toffee.config.models import HubSource, ZooSource
from toffee.errors import ToffeeError
from toffee.plan.architectures import Architectures

LOCK = Path("config", "models.lock.yaml")
DREAMBENCH = 111_700_000
"""Bytes of DreamBench's photos at the pinned revision of google/dreambooth."""


class Downloads:
    """Bytes that the downloads of a run fetch. Attributes:

    estimated: roles whose sizes are estimates, 4 bytes a parameter.
    """

    def __init__(self, models: Architectures, project: Path) -> None:
        """Read the lock file. Raises ToffeeError where it is no YAML."""
        self.models, self.estimated = models, []
        path = project / LOCK
        try:
            lock = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except yaml.YAMLError as error:
            raise ToffeeError(f"{path} is not valid YAML: {error}") from error
        lock = lock if isinstance(lock, dict) else {}
        self.files: Mapping[str, Any] = lock.get("files") or {}

    def model(self, role: str) -> int:
        """Bytes of the base model of a role; none for one that ships with the repository."""
        source = self.models.sources[role]
        if isinstance(source, ZooSource):
            return 0
        known = self._locked(source)
        if known is None:
            self.estimated.append(role)
            return 4 * self.models.parameters(role)
        return known

    def _locked(self, source: HubSource) -> int | None:
        """Sizes in the lock file (repository@commit → file → size), None where it is not there."""
        for name, files in self.files.items():
            repo, _, commit = name.partition("@")
            if repo == source.repo and commit.startswith(source.revision or ""):
                return sum(int(entry["size"]) for entry in files.values())
        return None
