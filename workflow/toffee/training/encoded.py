"""A data set encoded by the frozen encoders and read row by row: from disk, where it is kept once
encoded, or computed when it is read.

It is written in parts, one file each. The processes of a training share the parts, and a requeued
job makes the missing ones. Then every process maps all parts into its memory, which the processes
of one machine share.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file

from toffee.runtime.distributed import shared_progress, sum_over_processes, team
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.runtime.signals import Interrupted, interrupted
from toffee.storage.work_folder import read_tensors

Batch = TypeVar("Batch")

BATCHES = 16  # per part
LATE = 60  # seconds after which a shared file system shows what another machine wrote


class Column:
    """One tensor of an encoded data set, [rows, …], on disk."""

    def __init__(self, parts: Sequence[torch.Tensor]) -> None:
        self.parts = list(parts)
        self.ends = torch.tensor([len(part) for part in parts]).cumsum(0)

    def __len__(self) -> int:
        return int(self.ends[-1])

    @property
    def shape(self) -> torch.Size:
        """Of the whole."""
        return torch.Size([len(self), *self.parts[0].shape[1:]])

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        """The values of some rows [B], as [B, …] on the device that the rows are on."""
        places = rows.cpu()
        # Copied and not stacked: under autocast a CPU stacks no half precision.
        values = self.parts[0].new_empty(len(places), *self.shape[1:])
        parts = torch.bucketize(places, self.ends, right=True)
        for value, part, place in zip(values, parts, places, strict=True):
            value.copy_(self.parts[part][place - self.ends[part]])  # counted from the part's end
        return values.to(rows.device)


class Computed:
    """What is computed from its pictures whenever rows of it are read, in place of a `Column`."""

    def __init__(self, compute: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """compute: the values [B, …] of some rows [B]."""
        self.compute = compute

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        """The values of some rows [B], on the device that the rows are on."""
        return self.compute(rows.cpu()).to(rows.device)


def encode(
    folder: Path,
    batches: Sequence[Batch],
    encode_batch: Callable[[Batch], dict[str, torch.Tensor]],
    desc: str,
) -> dict[str, Column]:
    """Encode the missing parts of a data set, and open all of it.

    Args:
        folder: where its parts are kept, in a work folder.
        batches: what to encode, in the order of the rows; at least one.
        encode_batch: gives tensors [B, …] by name, the same names for every batch.
        desc: what is being done, for the progress line.

    Raises:
        Interrupted: SIGTERM arrived; finished parts are kept.
    """
    parts = {
        folder / f"{number:05d}.safetensors": batches[first : first + BATCHES]
        for number, first in enumerate(range(0, len(batches), BATCHES))
    }
    own = list(parts)[team().process_index :: team().num_processes]
    missing = [path for path in own if read_tensors(path) is None]
    for path in shared_progress(missing, desc=desc, unit="part"):
        encoded = [encode_batch(batch) for batch in parts[path] if not interrupted()]
        if interrupted():
            break
        with atomic_path(path) as temporary:
            save_file(
                {name: torch.cat([e[name] for e in encoded]).contiguous() for name in encoded[0]},
                temporary,
            )
    if sum(sum_over_processes(interrupted())):
        kept = sum(path.is_file() for path in parts)
        raise Interrupted(f"{kept} of {len(parts)} encoded parts are kept in {folder}")
    return _columns(list(parts))


def opened(folder: Path) -> dict[str, Column]:
    """A data set that another job encoded: a folder of parts.

    Raises:
        ToffeeError: there is none.
    """
    parts = sorted(folder.glob("*.safetensors"))
    if not parts:
        raise ToffeeError(f"{folder}: no encoded parts, expected *.safetensors")
    return _columns(parts)


def _columns(parts: Sequence[Path]) -> dict[str, Column]:
    tensors = [_open_part(path) for path in parts]
    return {name: Column([part[name] for part in tensors]) for name in tensors[0]}


def _open_part(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a finished part. A shared file system may show it late."""
    until = time.monotonic() + LATE
    while not path.is_file() and time.monotonic() < until:
        time.sleep(0.2)
    tensors = read_tensors(path)
    if tensors is None:
        raise ToffeeError(f"{path}: missing, expected it from another process")
    return tensors
