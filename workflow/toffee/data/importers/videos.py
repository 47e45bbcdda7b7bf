"""Frames of a video, by their time."""

from pathlib import Path

import numpy as np

from toffee.data.faults import SetAside
from toffee.data.pictures import MOST_PIXELS

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "matroska"}
"""Container by suffix. Left to guess, the library also takes lists of other files and addresses."""


def read_frames(
    path: Path,
    file: str,
    format: str,
    *,
    wanted: int = 0,
    times: list[float] | None = None,
) -> list[tuple[float, np.ndarray]]:
    """Frames of a video, each with its time in seconds, rotated as it is shown.

    Times count from the stream's own start: a camera's video may begin later than the masks that
    were made of its frames.

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

    container_format = FORMATS.get(path.suffix.lower())
    if container_format is None:
        raise SetAside(file, "broken video", f"expected {', '.join(FORMATS)}")
    local = {"protocol_whitelist": "file"}
    try:
        with av.open(str(path), format=container_format, options=local) as container:
            stream = container.streams.video[0]
            if stream.time_base is None:
                raise ValueError("it has no time base")
            if stream.width * stream.height > MOST_PIXELS:
                raise ValueError(f"its frames have more than {MOST_PIXELS} pixels")
            tick = float(stream.time_base)
            start = (stream.start_time or 0) * tick
            if stream.duration:
                seconds = stream.duration * tick
            else:
                seconds = (container.duration or 0) / av.time_base
            half = 0.5 / float(stream.average_rate or 25)
            if times is None:
                wanted = min(wanted, max(1, round(seconds / (2 * half))))
                times = [seconds * (2 * n + 1) / (2 * wanted) - half for n in range(wanted)]
            return [_frame(container, stream, time, start, half, format) for time in times]
    except SetAside:
        raise
    except (av.FFmpegError, OSError, ValueError, IndexError, EOFError) as error:
        raise SetAside(file, "broken video", error) from error


def _frame(
    container, stream, time: float, start: float, half: float, format: str
) -> tuple[float, np.ndarray]:
    """The first frame that is not more than half a frame's duration earlier than a time."""
    container.seek(max(0, round((start + time) / stream.time_base)), stream=stream)
    for frame in container.decode(stream):
        if frame.time is not None and frame.time - start >= time - half:
            turned = np.rot90(frame.to_ndarray(format=format), frame.rotation // 90)
            return frame.time - start, np.ascontiguousarray(turned)
    raise ValueError(f"it ends before {time:.2f} s")
