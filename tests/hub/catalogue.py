"""A set of `config/models.yaml` served by a hub on loopback, with small checkpoints."""

import re
from pathlib import Path

import yaml
from checkpoints import write_repository
from server import Hub

HEXADECIMAL = re.compile(r"^[0-9a-f]{7,40}$")
CATALOGUE = Path(__file__).parents[2] / "config" / "models.yaml"


def read_set(name: str) -> dict[str, dict]:
    """The sources of a set, by role."""
    return yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))[name]


def serve(hub: Hub, sources: dict[str, dict], folder: Path) -> None:
    """Serve sources at the revisions that the catalogue names, each in its formats there.

    Of a source with mirrors only the first mirror is there: as with SD 2.1-base, its repository is
    gone. A shortened commit is filled up with zeros; `refs/pr/1` and the like stand at a commit.

    Args:
        hub: the hub.
        sources: by role, as in the catalogue.
        folder: where the checkpoints are written, a folder each.
    """
    for source in sources.values():
        for place in (source, *source.get("alternatives", [])):
            one = place["mirrors"][0] if "mirrors" in place else place
            revision = one["revision"]
            written = Path(folder) / place["repo"] / revision.replace("/", "-")
            if not written.exists():
                write_repository(place["repo"], written, revision=revision)
            if HEXADECIMAL.match(revision):
                hub.add(one["repo"], written, revision.ljust(40, "0"))
            else:
                hub.add(one["repo"], written, branch=revision)
