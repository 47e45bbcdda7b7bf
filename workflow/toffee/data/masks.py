"""Which mask belongs to which picture. This is the one place that says so.

For the picture `cat/00.jpg`, the first of these that is in `masks/` is its mask:

    cat/00.jpg.png, cat/00.png      its own path
    00.jpg.png                      its name, if no other picture has that name
    00.png                          its name without the suffix, if no other picture has it

Pictures in `images/` are named as if they were beside `masks/`. A mask that two pictures could
claim is no one's. How an accented letter is written (NFC or NFD) does not matter.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from toffee.data.walk import list_folder
from toffee.runtime.errors import ToffeeError

IMAGES, MASKS = "images", "masks"
SUFFIX = ".png"


class NoMask(LookupError):
    """A picture has no mask, or none that is certainly its own; the text says what was expected."""


class Masks:
    """The masks of some pictures.

    Args:
        pictures: paths relative to the folder that `masks/` is in.
        masks: paths relative to `masks/`.
    """

    def __init__(self, pictures: Iterable[str], masks: Iterable[str]) -> None:
        self._masks = {_normal(mask): mask for mask in masks}
        self._own: Counter[str] = Counter()
        self._any: Counter[str] = Counter()
        for picture in pictures:
            own, bare = _names(picture)
            self._own.update(own)
            self._any.update({*own, *bare})
        self._taken: set[str] = set()

    def of(self, picture: str) -> str:
        """The mask of one of the pictures, relative to `masks/`.

        Raises:
            NoMask: there is none, or another picture could claim it too.
        """
        own, bare = _names(picture)
        shared = ""
        for names, claims in ((own, self._own), (bare, self._any)):
            for name in names:
                if name not in self._masks:
                    continue
                if claims[name] == 1:
                    self._taken.add(self._masks[name])
                    return self._masks[name]
                shared = shared or name
        if shared:
            raise NoMask(
                f"{MASKS}/{shared} could be that of several pictures, expected {MASKS}/{own[0]}"
            )
        raise NoMask(f"expected {MASKS}/{own[-1]}")

    def left(self) -> list[str]:
        """The masks that no picture has asked for, sorted."""
        return sorted(set(self._masks.values()) - self._taken)


def masks_beside(folder: Path, pictures: Sequence[Path]) -> list[Path]:
    """The mask of each picture of a folder or of its `images/`, in `masks/` of that folder.

    Raises:
        ToffeeError: a picture has none, or the folder of masks has something that is no file.
    """
    names = [picture.name for picture in pictures]
    there = list_folder(folder, MASKS) if (folder / MASKS).is_dir() else None
    for fault in there.faults if there else ():
        raise ToffeeError(f"{folder / fault.file}: {fault.reason} ({fault.detail})")
    masks = Masks(names, [PurePosixPath(file).name for file in there.files] if there else [])
    found = []
    for picture in pictures:
        try:
            found.append(folder / MASKS / masks.of(picture.name))
        except NoMask as error:
            raise ToffeeError(f"{picture}: no mask, {error} in {folder}") from error
    return found


def _names(picture: str) -> tuple[list[str], list[str]]:
    """What the mask of a picture may be called: by its own path, and by its name alone."""
    whole = path = PurePosixPath(unicodedata.normalize("NFC", picture))
    if path.parts[0] == IMAGES and len(path.parts) > 1:
        path = path.relative_to(IMAGES)
    own = [f"{path}{SUFFIX}", str(whole.with_suffix(SUFFIX)), str(path.with_suffix(SUFFIX))]
    bare = [f"{path.name}{SUFFIX}", f"{path.stem}{SUFFIX}"]
    return list(dict.fromkeys(own)), [name for name in dict.fromkeys(bare) if name not in own]


def _normal(mask: str) -> str:
    path = PurePosixPath(unicodedata.normalize("NFC", mask))
    return str(path.with_suffix(path.suffix.lower()))
