"""A set of `config/models.yaml` served by a hub on loopback, with small checkpoints."""

from pathlib import Path

import yaml
from checkpoints import write_repository
from server import Hub

CATALOGUE = Path(__file__).parents[2] / "config" / "models.yaml"


def read_set(name: str) -> dict[str, dict]:
    """The sources of a set, by role."""
    return yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))[name]


def serve(hub: Hub, sources: dict[str, dict], folder: Path) -> None:
    """Serve sources at the commits that the catalogue names.

    Of a source with mirrors only the first mirror is there: as with SD 2.1-base, its repository is
    gone. A shortened commit is filled up with zeros.

    Args:
        hub: the hub.
        sources: by role, as in the catalogue.
        folder: where the checkpoints are written, a folder each.
    """
    for source in sources.values():
        place = Path(folder) / source["repo"]
        if not place.exists():
            write_repository(source["repo"], place)
        one = source["mirrors"][0] if "mirrors" in source else source
        hub.add(one["repo"], place, one["revision"].ljust(40, "0"))
