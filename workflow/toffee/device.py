"""Where models compute: on the GPU of this process, or on the CPU where there is none.

Models of the project live there. What they are given and what they give back is on the CPU, and so
is every random draw: a picture's seed means the same noise on every machine.
"""

import ctypes
import os
import platform
from functools import cache

import torch

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


def device() -> torch.device:
    """The GPU of this process, counted within its machine by LOCAL_RANK, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


@cache
def keep_freed_memory() -> None:
    """Let this process keep the memory that its tensors free, where the C library is glibc.

    By default every large tensor is mapped anew and its pages are cleared one by one: an eighth of
    the time of a chain on a CPU. The process grows no larger than its peak.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
