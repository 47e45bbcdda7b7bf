"""Check the free space of the disk before a download."""

import shutil
from pathlib import Path

from toffee.runtime.files import DiskFull

SPARE_BYTES = 64 * 2**20  # left free on the disk after a download


def require_space(folder: Path, size: int) -> None:
    """Check that `size` bytes fit on the disk of `folder`, with a little to spare.

    Raises:
        DiskFull: they do not.
    """
    free = shutil.disk_usage(folder).free
    if free < size + SPARE_BYTES:
        needed = (size + SPARE_BYTES) / 2**20
        raise DiskFull(f"{folder.parent} has {free / 2**20:.0f} MiB free, needs {needed:.0f} MiB")
