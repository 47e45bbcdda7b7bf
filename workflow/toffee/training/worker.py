"""One process of several that train together: `torchrun … -m toffee.training.worker CALL.json`.

A call is {"function": "module:name", "arguments": {…}, "compute": {…}}. `launch` writes it, with a
folder for `notes`: every process writes there how it ended, and the job reports it. Without such a
folder it prints to standard error. Under srun the rank comes from SLURM's variables.
"""

import importlib
import json
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, get_type_hints

from toffee.runtime.compute import Compute, computing
from toffee.runtime.environment import quieten_libraries
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import is_disk_full, write_text
from toffee.runtime.signals import (
    EXIT_STATUS,
    Interrupted,
    defer_sigterm,
    die_with_parent,
    raise_on_sigterm,
)
from toffee.runtime.values import convert

DONE, ERROR, INTERRUPTED, BUG, LOST = "done", "error", "interrupted", "bug", "lost"
"""How a process ends. LOST: it could not continue because another process had ended."""

STATUS = {DONE: 0, INTERRUPTED: EXIT_STATUS}  # the others: 1
SLURM = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"}


def main(path: str) -> None:
    """Make the call in the file at `path`, and exit with a status that says how it ended."""
    call = json.loads(Path(path).read_text("utf-8"))
    die_with_parent()
    # `launch` sends SIGUSR1 through srun: at SIGTERM srun would kill all processes at once.
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    for name, source in SLURM.items():
        if name not in os.environ and source in os.environ:
            os.environ[name] = os.environ[source]
    with computing(Compute.of(call.get("compute", {}))):
        kind, text = _ending(call["function"], call["arguments"])
    if "notes" in call:
        note = {"kind": kind, "text": text, "gpu": _gpu(), "cpu_seconds": _cpu_seconds()}
        write_text(Path(call["notes"], f"{os.environ['RANK']}.json"), json.dumps(note))
    elif text:
        print(text if kind == BUG else f"error: {text}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    # Skip the end of the interpreter, where threads of a broken process group may hang.
    os._exit(STATUS.get(kind, 1))


def _ending(function: str, arguments: dict[str, Any]) -> tuple[str, str]:
    """Make a call. Returns how it ended and the text for the user.

    torchrun sends SIGTERM to the others when a process is killed. Each of them must live to write
    its note, or it would pass for killed too: the training stops where it looks for the signal, and
    before and after it the signal is ignored.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with raise_on_sigterm(), defer_sigterm():
            _check_meeting_point()
            module, _, name = function.partition(":")
            train = getattr(importlib.import_module(module), name)
            quieten_libraries()
            types = get_type_hints(train)
            train(**{n: convert(n, types[n], value) for n, value in arguments.items()})
        return DONE, ""
    except ToffeeError as error:
        return ERROR, str(error)
    except Interrupted as error:
        return INTERRUPTED, str(error)
    except Exception as error:
        if is_disk_full(error):
            return ERROR, f"disk full while writing {getattr(error, 'filename', None) or 'output'}"
        return LOST if _is_loss(error) else BUG, traceback.format_exc()


def _check_meeting_point() -> None:
    """Fail early on a wrong address: torch would retry it for as long as PATIENCE."""
    host = os.environ.get("MASTER_ADDR")
    try:
        if host:
            socket.getaddrinfo(host, None)
    except OSError as error:
        raise ToffeeError(f"cannot find the first node, {host}: {error.strerror}") from error


def _is_loss(error: Exception) -> bool:
    """Whether an error says that another process is not there any more."""
    from torch.distributed import DistError

    return isinstance(error, DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )


def _gpu() -> str | None:
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch and torch.cuda.is_initialized() else None


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:])
