"""The work folder of a training or an import, `<out>.partial`: what a killed job resumes from.

A training keeps its encoded data set and its last checkpoint there (see `toffee.training`). The
file `identity` has the digest of what the work depends on. A folder of another identity is removed.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from toffee.provenance.digests import sha256_of
from toffee.provenance.paths import RECORDS
from toffee.provenance.sources import describe_input
from toffee.runtime.compute import compute
from toffee.runtime.files import TEMPORARY, remove, write_text
from toffee.runtime.signals import defer_sigterm

IDENTITY = "identity"


class Team(Protocol):
    """The processes that share a work folder, as accelerate's `Accelerator` has them."""

    @property
    def is_main_process(self) -> bool:
        """Whether this is the one process that makes and removes the folder."""

    def wait_for_everyone(self) -> None:
        """Return when all processes have come to this call."""


class Alone:
    """A team of one process, which needs neither accelerate nor torch."""

    is_main_process = True

    def wait_for_everyone(self) -> None:
        """There is nobody to wait for."""


@contextmanager
def work_folder(
    out: str | Path,
    inputs: Sequence[str | Path],
    settings: Mapping[str, Any],
    team: Team,
) -> Iterator[Path]:
    """Yield `<out>.partial`, new or from an earlier attempt. Success removes it.

    Inside, SIGTERM is only noted (see `runtime.signals`): the work stops after it has saved.

    Args:
        out: what the work makes.
        inputs: files and folders that it reads; the identity has the digests of their content.
        settings: everything else that the result depends on, the digest of the code included.
        team: the processes that do the work together (see `runtime.distributed`), or `Alone()`.
    """
    folder = Path(f"{out}.partial")
    with defer_sigterm():
        if team.is_main_process:
            _claim(folder, _identity(out, inputs, settings))
        team.wait_for_everyone()
        yield folder
        team.wait_for_everyone()  # nobody reads there any more
        if team.is_main_process:
            remove(folder)


def read_tensors(path: Path) -> dict[str, Any] | None:
    """The tensors of a file of a work folder, mapped into memory and read when they are used.

    None where there is no such file. A damaged file is removed, with one line on standard error.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        return None
    try:
        return load_file(path)
    except SafetensorError as error:
        print(f"{path}: damaged ({error}); it is made again", file=sys.stderr)
        remove(path)
        return None


def _identity(out: str | Path, inputs: Sequence[str | Path], settings: Mapping[str, Any]) -> str:
    # A results folder keeps the digests of its files, so that no file is read twice.
    root = next((str(p) for p in Path(out).parents if (p / RECORDS).is_dir()), None)
    digests = [
        describe_input(str(path), root)["sha256"] if root else sha256_of(path) for path in inputs
    ]
    text = json.dumps([digests, dict(settings), asdict(compute())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _claim(folder: Path, identity: str) -> None:
    mark = folder / IDENTITY
    if folder.exists() and not (mark.is_file() and mark.read_text("utf-8") == identity):
        print(f"{folder}: made from other inputs, settings or code; removed", file=sys.stderr)
        remove(folder)
    for path in list(folder.rglob(".*")):  # what was being written when a process was killed
        if TEMPORARY.match(path.name):
            remove(path)
    write_text(mark, identity)
