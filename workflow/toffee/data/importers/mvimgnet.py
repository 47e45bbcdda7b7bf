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
001.jpg.png, 001_mask.png); the object is in the alpha channel or brighter than half. Only about
half of the videos have masks; one without is set aside.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from toffee.data.importers.archives import Archives, Member, label
from toffee.data.importers.faults import Fault, SetAside
from toffee.data.importers.pictures import decode_image, decode_mask, evenly
from toffee.data.importers.sources import Listing, View
from toffee.data.importers.words import class_word
from toffee.runtime.errors import ToffeeError

LICENCE = "MVImgNet Terms of Use"
CATEGORIES = "mvimgnet_category.txt"

_FRAME = re.compile(
    r"(?:.*/)?(?P<id>\d+)/(?P<video>[\w-]+)/images/(?P<frame>[^/.]+)\.(?:jpg|jpeg|png)", re.I
)
_MASK = re.compile(
    r"(?:.*/)?(?P<id>\d+)/(?P<video>[\w-]+)/(?:masks?/)?(?P<frame>[^/.]+)[^/]*\.png", re.I
)


@dataclass
class Video:
    """A video: members of its frames and masks by the frame's name."""

    archives: Archives
    sequence: str
    class_word: str = ""
    origin: str = ""
    frames: dict[str, Member] = field(default_factory=dict)
    masks: dict[str, Member] = field(default_factory=dict)

    def views(self, wanted: int) -> Iterator[View | Fault]:
        if not self.masks:
            raise SetAside(
                f"{self.origin}: {self.sequence}", "missing mask", "no frame of it has a mask"
            )
        names = sorted(self.frames)
        for place in evenly(len(names), wanted):
            try:
                yield self._view(names[place])
            except SetAside as aside:
                yield aside.fault

    def _view(self, frame: str) -> View:
        file = label(self.frames[frame])
        names = (name for name in sorted(self.masks) if name.startswith(f"{frame}_"))
        member = self.masks.get(frame) or self.masks.get(next(names, ""))
        if member is None:
            raise SetAside(file, "missing mask", f"no mask of the video is called {frame}")
        data = self.archives.read(self.frames[frame])
        picture = decode_image(data, file)
        mask = self.archives.read(member)
        return View(file, picture, decode_mask(mask, label(member)), data + mask)


def list_mvimgnet(root: str | Path) -> Listing:
    """List the videos of a release.

    Raises:
        ToffeeError: the folder, or mvimgnet_category.txt in it, is missing or malformed.
    """
    archives = Archives(root)
    words = read_categories(archives.root / CATEGORIES)
    videos: dict[tuple[str, str], Video] = {}
    masks: dict[tuple[str, str], dict[str, Member]] = defaultdict(dict)
    for member in archives.members():
        if found := _FRAME.fullmatch(member[1]):
            key = (found["id"], found["video"])
            video = videos.setdefault(key, Video(archives, found["video"]))
            video.frames.setdefault(found["frame"], member)
        elif found := _MASK.fullmatch(member[1]):
            masks[found["id"], found["video"]].setdefault(found["frame"], member)
    faults, usable = list(archives.faults), []
    for (number, name), video in sorted(videos.items()):
        archive, path = next(iter(video.frames.values()))
        video.origin = archive or path.rpartition(f"/{name}/images/")[0]
        video.masks = masks.get((number, name), {})
        video.class_word = words.get(int(number), "")
        if video.class_word:
            usable.append(video)
        else:
            detail = f"{CATEGORIES} has no line {number},<word>"
            faults.append(Fault(f"{video.origin}: {name}", "unknown class id", detail))
    return Listing(usable, faults, LICENCE)


def read_categories(path: Path) -> dict[int, str]:
    """Class id → class word.

    Raises:
        ToffeeError: the file is missing, or a line is no "id,word".
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ToffeeError(
            f"{path}: cannot be read, expected the release's classes, one line id,word each"
        ) from error
    words = {}
    for number, line in enumerate(lines, start=1):
        identity, comma, word = line.partition(",")
        if not line.strip():
            continue
        if not (comma and identity.strip().isdigit() and class_word(word)):
            raise ToffeeError(f"{path}, line {number}: {line!r}, expected id,word")
        words[int(identity)] = class_word(word)
    return words
