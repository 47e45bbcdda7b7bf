"""uCO3D (facebookresearch/uco3d, arXiv 2501.07574) as released: the open alternative to MVImgNet.

The layout, from the README and the loader of its repository (CC BY 4.0):

    metadata.sqlite                              table sequence_annots: sequence_name, category,
                                                 super_category, _video_path, _mask_video_path
    set_lists/set_lists_<name>.sqlite            table set_lists: sequence_name and others
    <super category>/<category>/<sequence>/rgb_video.mp4
    <super category>/<category>/<sequence>/mask_video.mkv     as long as the other, grey

Without metadata.sqlite, the sequences are those of the folders. A part of the release is enough:
sequences that were not downloaded are ignored. Frames are found by their time; only those that are
needed, and the frames from the key frame before them, are decoded. Assumption: a mask is brighter
than half where the object is.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from toffee.data.importers.faults import Fault, SetAside
from toffee.data.importers.sources import Listing, View
from toffee.data.importers.words import class_word
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest

LICENCE = "cc-by-4.0"
METADATA = "metadata.sqlite"
RGB, MASK = "rgb_video.mp4", "mask_video.mkv"


@dataclass(frozen=True)
class Turntable:
    """A sequence: its video and the video of its masks."""

    root: Path
    origin: str
    sequence: str
    class_word: str
    rgb: str
    mask: str

    def views(self, wanted: int) -> Iterator[View | Fault]:
        for name in (self.rgb, self.mask):
            if not (self.root / name).is_file():
                raise SetAside(name, "missing video", "no such file")
        frames = read_frames(self.root / self.rgb, self.rgb, "rgb24", wanted=wanted)
        times = [time for time, _ in frames]
        masks = read_frames(self.root / self.mask, self.mask, "gray", times=times)
        read = "".join(file_digest(self.root / name) for name in (self.rgb, self.mask)).encode()
        for place, ((time, pixels), (_, mask)) in enumerate(zip(frames, masks, strict=True)):
            data = read if place == 0 else f"{time:.6f}".encode()
            yield View(f"{self.rgb} at {time:.2f} s", Image.fromarray(pixels), mask >= 128, data)


def read_frames(
    path: Path,
    file: str,
    format: str,
    *,
    wanted: int = 0,
    times: list[float] | None = None,
) -> list[tuple[float, np.ndarray]]:
    """Frames of a video, each with its time in seconds, rotated as it is shown.

    Args:
        path: the video.
        file: what a fault names.
        format: of the pixels: rgb24 gives uint8 [H, W, 3], gray uint8 [H, W].
        wanted: number of frames, spread evenly over the video.
        times: or the frames nearest to these times, in ascending order.

    Raises:
        SetAside: it is no video, truncated, or ends before one of the times.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.time_base is None:
                raise ValueError("it has no time base")
            tick = float(stream.time_base)
            start = (stream.start_time or 0) * tick
            if stream.duration:
                seconds = stream.duration * tick
            else:
                seconds = (container.duration or 0) / av.time_base
            half = 0.5 / float(stream.average_rate or 25)
            if times is None:
                wanted = min(wanted, max(1, round(seconds / (2 * half))))
                times = [start + seconds * (2 * n + 1) / (2 * wanted) - half for n in range(wanted)]
            return [_frame(container, stream, time, half, format) for time in times]
    except SetAside:
        raise
    except (av.FFmpegError, OSError, ValueError, IndexError, EOFError) as error:
        raise SetAside(file, "broken video", error) from error


def _frame(container, stream, time: float, half: float, format: str) -> tuple[float, np.ndarray]:
    """The first frame that is not more than half a frame's duration earlier than a time."""
    container.seek(max(0, round(time / stream.time_base)), stream=stream)
    for frame in container.decode(stream):
        if frame.time is not None and frame.time >= time - half:
            turned = np.rot90(frame.to_ndarray(format=format), frame.rotation // 90)
            return frame.time, np.ascontiguousarray(turned)
    raise ValueError(f"it ends before {time:.2f} s")


def list_uco3d(root: str | Path, set_list: str | None = None) -> Listing:
    """List the sequences of a release that are there.

    Args:
        root: its folder.
        set_list: name of one of its lists, whose sequences alone count; None: all.

    Raises:
        ToffeeError: the folder is missing, a database is malformed, or the list is missing.
    """
    root = Path(root)
    if not root.is_dir():
        raise ToffeeError(f"{root}: no such folder, expected uCO3D's files")
    found = _from_metadata(root) if (root / METADATA).is_file() else _from_folders(root)
    if set_list is not None:
        path = root / "set_lists" / f"set_lists_{set_list.removeprefix('set_lists_')}.sqlite"
        if not path.is_file():
            raise ToffeeError(f"{path}: no such file, see data.real.multiview.set_list")
        names = {row[0] for row in _query(path, "SELECT DISTINCT sequence_name FROM set_lists")}
        found = [one for one in found if one.sequence in names]
    return Listing(found, [], LICENCE)


def _from_metadata(root: Path) -> list[Turntable]:
    columns = "super_category, category, sequence_name, _video_path, _mask_video_path"
    found = []
    for upper, category, name, rgb, mask in _query(
        root / METADATA, f"SELECT {columns} FROM sequence_annots ORDER BY sequence_name"
    ):
        rgb = rgb or f"{upper}/{category}/{name}/{RGB}"
        mask = mask or f"{os.path.dirname(rgb)}/{MASK}"
        for path in (rgb, mask):
            if not (root / path).resolve().is_relative_to(root.resolve()):
                raise ToffeeError(f"{root / METADATA}: path {path!r} leaves the folder")
        word = class_word(str(category))
        if word and (root / rgb).parent.is_dir():
            found.append(Turntable(root, os.path.dirname(rgb), str(name), word, rgb, mask))
    return found


def _from_folders(root: Path) -> list[Turntable]:
    found = []
    for path in sorted(root.glob(f"*/*/*/{RGB}")):
        folder = path.parent.relative_to(root).as_posix()
        word = class_word(path.parent.parent.name)
        if word:
            found.append(
                Turntable(
                    root, folder, path.parent.name, word, f"{folder}/{RGB}", f"{folder}/{MASK}"
                )
            )
    return found


def _query(path: Path, sql: str) -> list[tuple]:
    try:
        # Immutable: no lock is taken, which network file systems may not have.
        address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
        connection = sqlite3.connect(address, uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ToffeeError(f"{path}: not uCO3D's database ({error})") from error
