"""Starting a training in several processes: by torchrun on one machine, by srun on several.

The job writes its call to a file (JSON, nothing is pickled), starts the processes and waits. It
passes SIGTERM on, and reports in one line how its processes ended: each writes a note (see
`worker`), and a process without a note was killed.
"""

import functools
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import psutil

from toffee.provenance.digests import read_json
from toffee.runtime import processes
from toffee.runtime.compute import compute
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import remove, write_text
from toffee.runtime.project import PACKAGE
from toffee.runtime.signals import Interrupted, defer_sigterm, interrupted
from toffee.training import torchrun, worker

POLL = 0.2  # seconds between two looks at the processes
LATE = 60  # seconds after which a shared file system shows what another machine wrote


def in_processes(train: Callable[..., None]) -> Callable[..., None]:
    """Decorate a training, so that it runs in all processes of its job.

    In a job of one process, and outside of jobs, it runs in this process. It takes keyword
    arguments that JSON can hold, or dataclasses of these, `out` among them.

    Raises:
        ToffeeError: what a process raised, or that one failed or was killed.
        Interrupted: the processes stopped because of SIGTERM.
    """

    @functools.wraps(train)
    def run(**arguments: Any) -> None:
        if processes.JOB.count == 1:
            train(**arguments)
        else:
            _launch(train, arguments)

    return run


def _launch(train: Callable[..., None], arguments: Mapping[str, Any]) -> None:
    job, out = processes.JOB, Path(arguments["out"])
    # A temporary name of `toffee.runtime.files`: it is removed later if this process is killed.
    notes = out.with_name(f".{out.stem}.{secrets.token_hex(4)}.tmp")
    call = notes / "call.json"
    content = {
        "function": f"{train.__module__}:{train.__name__}",
        "arguments": arguments,
        "compute": asdict(compute()),
        "notes": str(notes),
    }
    try:
        write_text(call, json.dumps(content, default=_plain))
        each = job.count // job.nodes
        environment = _environment(max(1, job.threads // each))
        if job.nodes == 1:
            command = [sys.executable, "-m", torchrun.__name__, str(os.getpid()), str(each)]
            status = _run([*command, str(call)], environment, _terminate_workers)
        else:
            environment |= _meeting_point(each)
            status = _run(_srun(job, call), environment, _signal_srun)
        report(out, _read_notes(notes, 0 if status else job.count), job, status)
    finally:
        remove(notes)


def _plain(value: Any) -> Any:
    """An argument as JSON can hold it; the worker converts it back to the type it is for."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _environment(threads: int) -> dict[str, str]:
    path = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    own = {"PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}
    return os.environ | own | dict.fromkeys(names, str(threads))


def _srun(job: processes.Processes, call: Path) -> list[str]:
    each = job.count // job.nodes
    options = {
        "nodes": job.nodes,
        "ntasks": job.count,
        "ntasks-per-node": each,
        "cpus-per-task": max(1, job.threads // each),
        "kill-on-bad-exit": 1,
    }
    named = [f"--{name}={value}" for name, value in options.items()]
    # --overlap: this job may itself be a step that holds the resources.
    return ["srun", "--overlap", *named, sys.executable, "-m", worker.__name__, str(call)]


def _meeting_point(each: int) -> dict[str, str]:
    """Where the processes of several machines find each other: on the first of the allocation.

    Raises:
        ToffeeError: this is no SLURM job.
    """
    number = os.environ.get("SLURM_JOB_ID")
    if number is None:
        raise ToffeeError("resources: several nodes need a SLURM job, and SLURM_JOB_ID is not set")
    # Snakemake's executor keeps most of SLURM's variables from its jobs.
    nodes = os.environ.get("SLURM_JOB_NODELIST") or _output(
        ["squeue", "--noheader", "--jobs", number, "--format", "%N"]
    )
    first = _output(["scontrol", "show", "hostnames", nodes]).splitlines()[0]
    # The name of a node may not resolve; SLURM knows its address.
    node = _output(["scontrol", "--oneliner", "show", "node", first])
    fields = dict(word.split("=", 1) for word in node.split() if "=" in word)
    return {
        "MASTER_ADDR": fields.get("NodeAddr", first),
        "MASTER_PORT": str(20_000 + int(number) % 20_000),
        "LOCAL_WORLD_SIZE": str(each),
    }


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToffeeError(f"cannot ask SLURM for its nodes: {error}") from error


def _run(
    command: list[str], environment: Mapping[str, str], stop: Callable[[subprocess.Popen], None]
) -> int:
    """Run a command to its end, and copy its output to standard error.

    After SIGTERM, `stop` is called every second: a process that has just been started may not
    handle signals yet.
    """
    with (
        defer_sigterm(),
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as running,
    ):
        lines = threading.Thread(target=_copy_lines, args=[running.stdout], daemon=True)
        lines.start()
        signalled = 0.0
        while running.poll() is None:
            if interrupted() and time.monotonic() - signalled > 1:
                stop(running)
                signalled = time.monotonic()
            time.sleep(POLL)
        lines.join(timeout=10)
    return running.returncode


def _copy_lines(lines: Any) -> None:
    for line in lines:
        print(line, end="", file=sys.stderr)


def _terminate_workers(agent: subprocess.Popen) -> None:
    """SIGTERM to the workers themselves: torchrun would give them 30 seconds, then kill them."""
    try:
        for process in psutil.Process(agent.pid).children():
            process.terminate()
    except psutil.NoSuchProcess:
        pass


def _signal_srun(srun: subprocess.Popen) -> None:
    """SIGUSR1, which srun passes on; at SIGTERM it would end the step itself."""
    srun.send_signal(signal.SIGUSR1)


def _read_notes(folder: Path, expected: int) -> dict[int, dict[str, Any]]:
    """Notes by rank. Waits for `expected` notes, which a shared file system may show late."""
    until = time.monotonic() + LATE
    while len(list(folder.glob("[0-9]*.json"))) < expected and time.monotonic() < until:
        time.sleep(POLL)
    return {int(path.stem): read_json(path) for path in folder.glob("[0-9]*.json")}


def report(
    out: Path, notes: Mapping[int, Mapping[str, Any]], job: processes.Processes, status: int
) -> None:
    """Store the GPUs and CPU time of the processes, and raise an error if they failed.

    Args:
        out: what they were making.
        notes: of each process that left one, by rank (see `toffee.training.worker`).
        job: these processes.
        status: exit status of torchrun or srun.
    """
    job.gpus = [note["gpu"] for note in notes.values() if note["gpu"]]
    if job.nodes > 1:
        job.cpu_seconds = sum(note["cpu_seconds"] for note in notes.values())

    def ended(kind: str) -> list[tuple[int, str]]:
        found = sorted((rank, note) for rank, note in notes.items() if note["kind"] == kind)
        return [(rank, note["text"]) for rank, note in found]

    kept = f"the next attempt goes on from {out}.partial"
    for _, line in ended(worker.ERROR):
        raise ToffeeError(line)
    for rank, trace in ended(worker.BUG):
        print(trace, file=sys.stderr)
        raise ToffeeError(f"process {rank} of {job.count} failed, see the traceback above; {kept}")
    # They stop at a common step; SLURM may kill those that exit later.
    for _, line in ended(worker.INTERRUPTED):
        raise Interrupted(line)
    silent = [str(rank) for rank in range(job.count) if rank not in notes]
    if silent and not interrupted():
        names = " and ".join(silent)
        raise ToffeeError(f"killed (out of memory?): process {names} of {job.count}; {kept}")
    if interrupted() and status:
        raise Interrupted(kept)
    if status:
        raise ToffeeError(f"the processes lost each other (status {status}); {kept}")
