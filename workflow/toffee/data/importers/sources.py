"""What a source lists: pictures of subjects, or sequences of views. Nothing of it is read yet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from toffee.data.importers.faults import Fault


@dataclass(frozen=True)
class Picture:
    """A picture of a subject.

    Attributes:
        name: the subject's, not the name of a file yet.
        word: its class, as the source has it.
        caption: "" where the source has none.
        licence: "" where it is not known.
        file: what a fault names.
        image, mask: read the bytes; raise `SetAside`. `mask` is None where there are no masks.
    """

    name: str
    word: str
    caption: str
    licence: str
    file: str
    image: Callable[[], bytes]
    mask: Callable[[], bytes] | None


@dataclass(frozen=True)
class View:
    """A decoded frame and its mask (bool [H, W]); `data` is what was read of the source for it."""

    file: str
    picture: Image.Image
    mask: np.ndarray
    data: bytes


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

    def views(self, wanted: int) -> Iterable[View | Fault]:
        """At most `wanted` of its frames in their order, spread evenly over it.

        For a frame that cannot be read, the reason. Raises `SetAside` if no frame is usable.
        """


@dataclass(frozen=True)
class Listing:
    """The sequences of a source in any order, what was set aside, and the licence of all."""

    sequences: Sequence[ViewSequence]
    faults: list[Fault]
    licence: str
