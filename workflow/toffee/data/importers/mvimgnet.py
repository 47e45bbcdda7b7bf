"""MVImgNet (arXiv 2303.06042) as it is released: the paper's multi-view data.

From its authors' repository (GAP-LAB-CUHK-SZ/MVImgNet, README and mvimgnet_category.txt):
access is by a form; 43 zip files, mvi_00.zip to mvi_42.zip, about 3.4 TB, unpack to

    <class id>/<video id>/images/<frame>.jpg
    <class id>/<video id>/sparse/0/*.bin                   COLMAP's cameras, not read here

the masks are a download of their own ("MVImgNet_mask"); class ids are numbers, and
mvimgnet_category.txt names them, one line "id,word" per class; the data are under the MVImgNet
Terms of Use. MVImgNet2.0 has the masks beside the images:

    <class id>/<video id>/masks/<frame>.png

The layout of the mask download is not documented. Assumptions: its paths end in
<class id>/<video id>/<frame>, below any folders; a mask's name begins with its frame's (001.png,
001.jpg.png, 001_mask.png); the object is in the alpha channel, or is every value above 0, as those
who read the release take it: its masks have 255 there, 1, or the colours of the object. Only about
half of the videos have masks; one without is set aside.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from toffee.data.faults import Fault, SetAside
from toffee.data.importers.archives import Archives, Member, label
from toffee.data.importers.pictures import decode_image, decode_mask, evenly
from toffee.data.importers.sources import Digest, Listing, View
from toffee.data.importers.words import class_word
from toffee.data.loaders.images import IMAGE_SUFFIXES
from toffee.data.masks import Masks, NoMask
from toffee.data.texts import read_text
from toffee.runtime.errors import ToffeeError

LICENCE = "MVImgNet Terms of Use"
CATEGORIES = "mvimgnet_category.txt"
LAYOUT = "<class id>/<video id>/images/<frame>.jpg"

_VIDEO = r"(?:.*/)?(?P<id>[0-9]{1,9})/(?P<video>[^/]+)"
_FRAME = re.compile(_VIDEO + r"/images/(?P<frame>[^/]+)")
_MASK = re.compile(_VIDEO + r"/(?:masks?/)?(?P<frame>[^/]+\.png)", re.I)


class Names:
    """Members of a video by the names of their files. A release has 13 million: a folder's names
    are one text."""

    __slots__ = ("_folders",)

    def __init__(self) -> None:
        self._folders: dict[Member, str] = {}

    def add(self, member: Member, name: str) -> None:
        """Add the member of a file's name."""
        archive, path = member
        folder = (archive, path[: -len(name)])
        known = self._folders.get(folder)
        self._folders[folder] = name if known is None else f"{known}\n{name}"

    def __bool__(self) -> bool:
        return bool(self._folders)

    def members(self) -> dict[str, Member]:
        """Each name, and the first member that has it."""
        found: dict[str, Member] = {}
        for (archive, folder), names in self._folders.items():
            for name in names.split("\n"):
                found.setdefault(name, (archive, folder + name))
        return found

    def folder(self) -> Member:
        """The first folder: its zip file, and its path."""
        return next(iter(self._folders))


@dataclass(slots=True)
class Video:
    """A video: its frames and masks."""

    archives: Archives
    sequence: str
    class_word: str = ""
    origin: str = ""
    frames: Names = field(default_factory=Names)
    masks: Names = field(default_factory=Names)

    def views(self, wanted: int, digest: Digest) -> Iterator[View | Fault]:
        pairs, unused = self._pairs(wanted)
        if unused:
            where = f"{self.origin}: {self.sequence}"
            yield Fault(where, "mask of no picture", f"{len(unused)} masks, e.g. {unused[0]}")
        for frame, mask in pairs:
            try:
                data, plane = self._bytes(frame, mask, digest)
                picture = decode_image(data, label(frame))
                assert isinstance(mask, tuple)  # `_bytes` raises where there is none
                yield View(label(frame), picture, decode_mask(plane, label(mask), any_value=True))
            except SetAside as aside:
                yield aside.fault

    def read(self, wanted: int, digest: Digest) -> None:
        for frame, mask in self._pairs(wanted)[0]:
            with suppress(SetAside):
                self._bytes(frame, mask, digest)

    def _pairs(self, wanted: int) -> tuple[list[tuple[Member, Member | NoMask]], list[str]]:
        """Frames, spread evenly over the video, and the mask of each; and masks of no frame."""
        if not self.masks:
            raise SetAside(
                f"{self.origin}: {self.sequence}", "missing mask", "no frame of it has a mask"
            )
        frames = self.frames.members()
        members, names = self._mask_names(frames), sorted(frames)
        masks = Masks(names, members)
        found: dict[str, Member | NoMask] = {}
        for name in names:
            try:
                found[name] = members[masks.of(name)]
            except NoMask as error:
                found[name] = error
        chosen = [names[place] for place in evenly(len(names), wanted)]
        return [(frames[name], found[name]) for name in chosen], masks.left()

    def _mask_names(self, frames: Iterable[str]) -> dict[str, Member]:
        """Masks by their names, but 001_cut.png is called 001.png where there is a frame 001."""
        stems = {PurePosixPath(name).stem for name in frames}
        found: dict[str, Member] = {}
        for name, member in sorted(self.masks.members().items()):
            stem, _, rest = name.rpartition("_")
            is_tail = rest and stem in stems and name.partition(".")[0] not in stems
            found.setdefault(f"{stem}.png" if is_tail else name, member)
        return found

    def _bytes(self, frame: Member, mask: Member | NoMask, digest: Digest) -> tuple[bytes, bytes]:
        if isinstance(mask, NoMask):
            raise SetAside(label(frame), "missing mask", mask)
        data, plane = self.archives.read(frame), self.archives.read(mask)
        digest.update(data)
        digest.update(plane)
        return data, plane


def list_mvimgnet(root: str | Path) -> Listing:
    """List the videos of a release.

    Raises:
        ToffeeError: the folder, or mvimgnet_category.txt in it, is missing or malformed.
    """
    words = check_mvimgnet(Path(root))
    archives = Archives(root)
    videos: dict[tuple[str, str], Video] = {}
    masks: dict[tuple[str, str], Names] = defaultdict(Names)
    other: list[Fault] = []
    for member in archives.members():
        found = _FRAME.fullmatch(member[1])
        if found and found["frame"].lower().endswith(IMAGE_SUFFIXES):
            key = (found["id"], found["video"])
            video = videos.setdefault(key, Video(archives, found["video"]))
            video.frames.add(member, found["frame"])
        elif found:
            other.append(
                Fault(label(member), "no picture", f"expected {', '.join(IMAGE_SUFFIXES)}")
            )
        elif found := _MASK.fullmatch(member[1]):
            masks[found["id"], found["video"]].add(member, found["frame"])
        elif member[1].lower().endswith(IMAGE_SUFFIXES):
            other.append(Fault(label(member), "no picture", f"expected {LAYOUT}"))
    faults, usable = [*archives.faults, *other], []
    for (number, name), video in sorted(videos.items()):
        archive, folder = video.frames.folder()
        video.origin = archive or folder.rpartition(f"/{name}/images/")[0]
        video.masks = masks.pop((number, name), Names())
        video.class_word = words.get(int(number), "")
        if video.class_word:
            usable.append(video)
        else:
            detail = f"{CATEGORIES} has no line {number},<word>"
            faults.append(Fault(f"{video.origin}: {name}", "unknown class id", detail))
    for (number, name), left in sorted(masks.items()) if videos else ():
        archive, folder = left.folder()
        where = f"{archive or folder}: {number}/{name}"
        faults.append(Fault(where, "mask of no picture", "no frame of this video is there"))
    return Listing(usable, faults, LICENCE)


def check_mvimgnet(root: Path) -> dict[int, str]:
    """Look for what a listing begins with; gives class id → class word.

    Raises:
        ToffeeError: as in `list_mvimgnet`.
    """
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected a release's files")
    return read_categories(root / CATEGORIES)


def read_categories(path: Path) -> dict[int, str]:
    """Class id → class word.

    Raises:
        ToffeeError: the file is missing, or a line is no "id,word".
    """
    if not path.exists():
        raise ToffeeError(
            f"{path}: cannot be read, expected the release's classes, one line id,word each"
        )
    words = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        identity, comma, word = line.partition(",")
        if not line.strip():
            continue
        is_id = re.fullmatch(r"[0-9]{1,9}", identity.strip())
        if not (comma and is_id and class_word(word)):
            raise ToffeeError(f"{path}, line {number}: {line[:100]!r}, expected id,word")
        words[int(identity)] = class_word(word)
    return words
