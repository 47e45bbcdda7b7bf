"""What the workers of a parallel run (`pytest -n 2`) have in common."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def run_process() -> int:
    """The process id of the whole run, which outlives its workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker fills and that all workers read.

    Args:
        factory: the fixture `tmp_path_factory`.
        name: the folder's name.
        make: fills the empty folder.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # that of all workers
    folder, done = base / "made_once" / name, base / "made_once" / f"{name}.done"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
