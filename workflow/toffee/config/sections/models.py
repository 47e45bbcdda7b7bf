"""Section `models`: where the base models come from."""

from pydantic import Field

from toffee.config.base import Name, Path, Section


class Models(Section):
    """Where the base models come from."""

    catalogue: Path = Field(
        description="YAML file that lists the sources of every set of base models (path, relative "
        "to the repository)"
    )
    set: Name = Field(description="set of the catalogue that this run uses (name)")
    zoo: Path = Field(
        description="folder of models that are fetched from disk, with manifest.json (path, "
        "relative to the repository)"
    )
    lock: Path = Field(
        description="YAML file of the SHA-256 of every file that came from a hub, written by the "
        "first download (path, relative to the repository)"
    )
