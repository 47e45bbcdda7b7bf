"""Settings of a process: environment variables that libraries read, and what imports cost."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from toffee.runtime.files import KEEP_JOURNALS

QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}

MEMORY = {
    # Large tensors on a CPU lie in huge pages, whose faults are few.
    "THP_MEM_ALLOC_ENABLE": "1",
    # glibc keeps what a step has freed for the next one, which would fault the same pages in again.
    # The second value is the largest that glibc takes.
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
}
"""How a process that draws or trains gets its memory; read when it starts. It changes no bit."""


def use_threads(threads: int) -> None:
    """Give torch as many threads as the rule asked for, now and in libraries loaded later."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def keep_journals(keep: bool) -> None:
    """Say whether the journal of a finished shard stays on disk (see `toffee.storage`)."""
    if keep:
        os.environ[KEEP_JOURNALS] = "1"
    else:
        os.environ.pop(KEEP_JOURNALS, None)


@contextmanager
def keeping_journals() -> Iterator[None]:
    """Inside, the journals of finished shards stay on disk; then as the job says."""
    before = KEEP_JOURNALS in os.environ
    keep_journals(True)
    try:
        yield
    finally:
        keep_journals(before)


def quieten_libraries() -> None:
    """Keep progress bars and warnings of model loading out of the logs; errors stay."""
    os.environ.update(QUIET)  # for what is imported later
    for name in ("transformers", "diffusers"):
        if name in sys.modules:
            sys.modules[name].logging.set_verbosity_error()
            sys.modules[name].logging.disable_progress_bar()


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Inside, no garbage is collected: for imports of large libraries, which leave little of it.

    Looking for it among their million objects takes a seventh of the time of such an import.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
