"""Progress that reads well in a terminal and in a log file."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TextIO, TypeVar

Item = TypeVar("Item")

INTERVAL = 10.0  # seconds between two plain lines


def progress(
    iterable: Iterable[Item],
    total: int | None = None,
    desc: str = "",
    unit: str = "it",
    file: TextIO | None = None,
    interval: float = INTERVAL,
) -> Iterator[Item]:
    """Pass items through and show how far the loop is.

    In a terminal this is a tqdm bar; elsewhere (a log, CI) a plain line every `interval` seconds
    and one at the end: description, n/total, rate, remaining time. With the environment variable
    TOFFEE_PROGRESS=lines a terminal shows lines too: the bars of parallel jobs overwrite each
    other.

    Args:
        iterable: what to loop over.
        total: number of items; taken from `len(iterable)` where that exists.
        desc: what is being done.
        unit: what an item is, e.g. `image`.
        file: where to write; standard error by default.
        interval: seconds between plain lines.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    file = sys.stderr if file is None else file
    if file.isatty() and os.environ.get("TOFFEE_PROGRESS") != "lines":
        from tqdm import tqdm

        yield from tqdm(iterable, total=total, desc=desc, unit=unit, file=file)
    else:
        yield from _lines(iterable, total, desc, unit, file, interval)


def _lines(
    iterable: Iterable[Item],
    total: int | None,
    desc: str,
    unit: str,
    file: TextIO,
    interval: float,
) -> Iterator[Item]:
    start = last = time.monotonic()
    done = 0
    for item in iterable:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= interval and done != total:
            print(line(done, total, now - start, desc, unit), file=file, flush=True)
            last = now
    print(line(done, total, time.monotonic() - start, desc, unit), file=file, flush=True)


def line(done: int, total: int | None, seconds: float, desc: str, unit: str) -> str:
    """One plain progress line.

    Args:
        done: items finished.
        total: items in all, if known.
        seconds: time since the start, in seconds.
        desc: what is being done.
        unit: what an item is.
    """
    rate = done / seconds if seconds > 0 else float("inf")
    count = f"{done}/{total}" if total is not None else f"{done}"
    speed = f"{rate:.1f} {unit}/s" if rate >= 1 or rate == 0 else f"{1 / rate:.1f} s/{unit}"
    if total is None or done >= total:
        rest = f"in {_clock(seconds)}"
    elif rate > 0:
        rest = f"{_clock((total - done) / rate)} left"
    else:
        rest = "? left"
    return f"{desc or 'progress'}: {count} {unit}, {speed}, {rest}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
