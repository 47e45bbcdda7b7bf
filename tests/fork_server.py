"""Python processes that start in milliseconds: forks of a server that has imported large libraries.

Starting Snakemake takes two seconds of CPU time for its imports, and a job five for torch,
diffusers and transformers; what the tests' jobs do then takes much less. A fork has its own memory,
working directory, environment and streams, and imports this project's modules itself, from where
its own search path leads. A signal to the process that asked for a fork reaches the fork. Not for
tests of start-up or memory: they start interpreters.

    python fork_server.py SOCKET OWNER CODE MODULE…   the server; it ends when process OWNER does
    python -IS fork_server.py SOCKET ARGUMENT…        as `python ARGUMENT…`, in a fork of the server
"""

import atexit
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback

SNAKEMAKE = ("snakemake.cli", "snakemake.script", "snakemake.executors.local", "pandas", "pydantic")
"""What a run of Snakemake imports besides this project."""
JOBS = (
    *("snakemake.script", "torch", "pandas", "pyarrow.parquet", "h5py", "accelerate", "PIL.Image"),
    *("diffusers.models.autoencoders.autoencoder_dc", "diffusers.models.autoencoders.vae"),
    *("diffusers.models.controlnets.controlnet", "diffusers.schedulers.scheduling_ddim"),
    *("diffusers.models.unets.unet_2d_condition", "diffusers.models.auto_model"),
    *("diffusers.models.autoencoders.autoencoder_kl", "transformers.models.auto.modeling_auto"),
    *("transformers.models.clip.modeling_clip", "transformers.models.auto.tokenization_auto"),
    *("transformers.models.dinov2.modeling_dinov2", "transformers.models.vit.modeling_vit"),
    *("transformers.models.depth_anything.modeling_depth_anything",),
    *("transformers.models.segformer.modeling_segformer", "matplotlib.pyplot", "datasets"),
)
"""What the jobs import besides this project."""


def environment() -> dict[str, str]:
    """Variables of a server and its forks: one thread each, and no modules of another folder."""
    return os.environ | {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"}


class ForkServer:
    """A running server."""

    def __init__(self, folder) -> None:
        """folder: that of a server which `start` has started."""
        self.socket = os.path.join(folder, "socket")
        self.python = os.path.join(folder, "python")

    @classmethod
    def start(cls, folder, modules, environment, code="", owner=None) -> "ForkServer":
        """Start a server and wait for it.

        Args:
            folder: an empty one.
            modules: names of what the server imports.
            environment: variables for the server; libraries read some when they are imported.
            code: what the server does before the first fork.
            owner: the process with which the server ends; this one by default.
        """
        import subprocess

        self = cls(folder)
        with open(self.python, "w") as out:
            out.write(
                '#!/bin/sh\n[ "$1" = -u ] && shift && export PYTHONUNBUFFERED=1\n'
                # Another option than these is of an interpreter of its own kind.
                f'case $1 in -m | -c | [!-]*) ;; *) exec {sys.executable} "$@" ;; esac\n'
                f'exec {sys.executable} -IS {__file__} {self.socket} "$@"\n'
            )
        os.chmod(self.python, 0o755)
        self.process = subprocess.Popen(
            [sys.executable, __file__, self.socket, str(owner or os.getpid()), code, *modules],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def run(self, arguments, cwd, environment, executable=None):
        """Run `python ARGUMENTS…` to its end, as `subprocess.run` does with its output captured.

        executable: what the process takes for its own interpreter; the server's by default.
        """
        import subprocess
        import tempfile

        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            with open(os.devnull) as nothing:
                streams = [stream.fileno() for stream in (nothing, out, err)]
                status = request(self.socket, arguments, streams, cwd, environment, executable)
            texts = [(stream.seek(0), stream.read())[1] for stream in (out, err)]
        return subprocess.CompletedProcess(arguments, status, *texts)

    def running(self):
        """What the forks run now: `arguments`, `cwd` and `environment` by process id.

        Linux tells only what a process began with: of a fork the server's.
        """
        found = {}
        for note in os.scandir(running(self.socket)):
            with contextlib.suppress(OSError, ValueError), open(note) as file:  # begins or ends
                found[int(note.name)] = json.load(file)
        return found

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *error) -> None:
        self.process.kill()  # what it ran before the first fork may handle SIGTERM
        self.process.wait()


def running(path) -> str:
    """The folder in which the forks of a server are noted."""
    return f"{path}.running"


def request(path, arguments, streams, cwd, environment, executable=None, forward=()) -> int:
    """Have the server run something; its exit status. The signals `forward` are passed on to it,
    and it does not outlive this process."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        names = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment)}
        text = json.dumps(names | {"executable": executable}).encode()
        socket.send_fds(server, [b"%16d" % len(text)], streams)
        server.sendall(text)
        for number in forward:
            signal.signal(number, lambda number, frame: server.sendall(bytes([number])))
        with server.makefile() as answers:
            return int(answers.readline())


def serve(path, owner, code, *modules) -> dict:
    """Serve until the owner ends; returns in every fork, with what it is to run."""
    import importlib

    ended = os.pidfd_open(int(owner))
    for name in modules:
        importlib.import_module(name)
    exec(code, {})
    os.mkdir(running(path))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    gc.collect()
    gc.freeze()  # or a collection in a fork would copy all that the server has imported
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, ended], [], [])
        if ended in ready:
            os._exit(0)
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            os.close(ended)
            return answer(connection, running(path))
        connection.close()


def answer(connection, notes) -> dict:
    """In a fork of the server: return in a fork of that one, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(connection, 16, 3)
    task = json.loads(connection.recv(int(head), socket.MSG_WAITALL))
    pid = os.fork()
    if not pid:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        return task
    note = os.path.join(notes, str(pid))
    with open(note, "w") as file:
        json.dump(task, file)
    ended = os.pidfd_open(pid)
    while ended not in select.select([connection, ended], [], [])[0]:
        number = next_signal(connection)
        send_signal(pid, number, deep="SLURM_JOB_ID" in task["environment"])
        if number == signal.SIGKILL:
            break
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.unlink(note)
    with contextlib.suppress(ConnectionError):  # who asked was killed
        connection.sendall(b"%d\n" % status)
    os._exit(0)


def next_signal(connection) -> int:
    """What whoever asked for a fork passes on to it; SIGKILL where that one is no more."""
    with contextlib.suppress(ConnectionError):
        return (connection.recv(1) or [signal.SIGKILL])[0]
    return signal.SIGKILL


def send_signal(pid, number, deep) -> None:
    """Send a fork a signal.

    deep: also to what it has started. SLURM signals all processes of a job, but it does not know
    those that are forks.
    """
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        fork = psutil.Process(pid)
        for one in (fork, *(fork.children(recursive=True) if deep else ())):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)


def become(task: dict) -> None:
    """Do what `python ARGUMENTS…` does."""
    import runpy

    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.executable = task["executable"] or sys.executable
    if "PYTHONUNBUFFERED" in os.environ:
        sys.stdout.reconfigure(write_through=True)
    found = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    del sys.path[0]  # of this file
    kind, *rest = task["arguments"]
    if kind == "-m":
        sys.path[:0] = ["", *found]
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.path[:0] = ["", *found]
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path[:0] = [os.path.dirname(os.path.abspath(kind)), *found]
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")


def end(function, task) -> None:
    """Call a function and leave as an interpreter does, but for what it does last: to take all
    modules apart, which lasts longer than most of the jobs."""
    status = 0
    try:
        function(task)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if status and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    place, *given = sys.argv[1:]
    if sys.flags.isolated:
        forward = (signal.SIGTERM, signal.SIGINT)
        own = os.path.join(os.path.dirname(place), "python")  # what it starts are forks too
        status = request(place, given, [0, 1, 2], os.getcwd(), os.environ, own, forward)
        if status < 0:
            with contextlib.suppress(OSError):  # of SIGKILL there is no handler
                signal.signal(-status, signal.SIG_DFL)
            os.kill(os.getpid(), -status)
        sys.exit(status)
    end(become, serve(place, *given))
