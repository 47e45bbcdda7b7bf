"""One process of several that train together: `torchrun … -m toffee.training.worker CALL.json`.

A call is {"function": "module:name", "arguments": {…}, "compute": {…}}. `launch` writes it, with a
folder for `notes`: there every process says how it ended, for the job to tell in one line. Without
such a folder it says so on standard error. Under srun the process finds its place in SLURM's
variables.
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
from toffee.runtime.interruption import EXIT_STATUS, Interrupted, die_with_parent, listening
from toffee.runtime.values import convert

DONE, ERROR, INTERRUPTED, BUG, LOST = "done", "error", "interrupted", "bug", "lost"
"""How a process ends. LOST: another one ended before it, and so it could not go on."""

STATUS = {DONE: 0, INTERRUPTED: EXIT_STATUS}  # the others: 1
SLURM = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"}


def main(path: str) -> None:
    """Make the call in the file at `path`, and leave with a status that says how it ended."""
    call = json.loads(Path(path).read_text("utf-8"))
    die_with_parent()
    # What srun passes on, since SIGTERM would make it end all processes at once.
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
    # Not through the interpreter's end, where threads of a broken process group may hang.
    os._exit(STATUS.get(kind, 1))


def _ending(function: str, arguments: dict[str, Any]) -> tuple[str, str]:
    """Make a call; how it ended, and what there is to say about it."""
    try:
        with listening():
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
    """Torch would look for a wrong address as long as processes wait for each other."""
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
