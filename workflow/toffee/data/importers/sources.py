"""What a source lists: pictures of subjects, or sequences of views. Nothing of it is read yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from toffee.data.faults import Fault
from toffee.provenance.sources import stat_digest

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


class Digest(Protocol):
    """Of `hashlib`: what was read of a source is added to it."""

    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True)
class Picture:
    """A picture of a subject.

    Attributes:
        name: the subject's, not the name of a file yet.
        word: its class, as the source has it.
        licence: "" where it is not known.
        file: what no other picture of the source has; what a fault names.
        image, mask: read the bytes; raise `SetAside`. `mask` is None where there are no masks.
        caption: reads it, "" where the source has none; raises `SetAside`.
    """

    name: str
    word: str
    licence: str
    file: str
    image: Callable[[], bytes]
    mask: Callable[[], bytes] | None
    caption: Callable[[], str]


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder, and what was set aside when it was listed."""

    pictures: Sequence[Picture]
    faults: list[Fault]


@dataclass(frozen=True)
class View:
    """A decoded frame and its mask (bool [H, W])."""

    file: str
    picture: Image.Image
    mask: np.ndarray


class ViewSequence(Protocol):
    """A sequence of views of one object."""

    @property
    def class_word(self) -> str:
        """What it shows."""

    @property
    def sequence(self) -> str:
        """Its name in the source."""

    @property
    def origin(self) -> str:
        """The file or folder that it is read from."""

    def views(self, wanted: int, digest: Digest) -> Iterable[View | Fault]:
        """At most `wanted` of its frames in their order, spread evenly over it.

        For a frame that cannot be read, the reason. Raises `SetAside` if no frame is usable. What
        is read of the source is added to the digest.
        """

    def read(self, wanted: int, digest: Digest) -> None:
        """Add to the digest what `views` adds, without decoding a picture. Raises `SetAside`."""


@dataclass(frozen=True)
class Listing:
    """The sequences of a source in any order, what was set aside, and the licence of all."""

    sequences: Sequence[ViewSequence]
    faults: list[Fault]
    licence: str


def source_folder(source: Mapping[str, Any]) -> str | None:
    """The folder that the description of a source names; None for a data set on the hub."""
    return source["path"] if "path" in source else None if source["revision"] else source["repo"]


def source_digest(source: Mapping[str, Any]) -> str:
    """Digest of the names, sizes and times of a source's files, "" where it is on the hub: work
    on a source that has changed since is not continued.

    Raises:
        ToffeeError: a folder cannot be read.
    """
    folder = source_folder(source)
    return stat_digest(folder) if folder and Path(folder).is_dir() else ""
