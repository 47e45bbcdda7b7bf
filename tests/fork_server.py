"""Python processes that start in milliseconds: forks of a server that has imported large libraries.

Starting Snakemake takes two seconds of CPU time for its imports, and a job five for torch,
diffusers and transformers; what the tests' jobs do then takes much less. A fork has its own memory,
working directory, environment and streams, and imports this project's modules itself, from where
its own search path leads. Not for tests of start-up, signals or memory: they start interpreters.

    python fork_server.py SOCKET CODE MODULE…     the server; it ends when its standard input does
    python -IS fork_server.py SOCKET ARGUMENT…    as `python ARGUMENT…`, in a fork of the server
"""

import atexit
import contextlib
import gc
import json
import os
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


class ForkServer:
    """A running server."""

    def __init__(self, folder, modules, environment, code="") -> None:
        """
        Args:
            folder: an empty one.
            modules: names of what the server imports.
            environment: variables for the server; libraries read some when they are imported.
            code: what the server does before the first fork.
        """
        import subprocess

        self.socket = os.path.join(folder, "socket")
        self.python = os.path.join(folder, "python")
        with open(self.python, "w") as out:
            out.write(
                # Another option than these is of an interpreter of its own kind.
                f'#!/bin/sh\ncase $1 in -m | -c | [!-]*) ;; *) exec {sys.executable} "$@" ;; esac\n'
                f'exec {sys.executable} -IS {__file__} {self.socket} "$@"\n'
            )
        os.chmod(self.python, 0o755)
        self.process = subprocess.Popen(
            [sys.executable, __file__, self.socket, code, *modules],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout.readline() == b"ready\n"

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

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *error) -> None:
        self.process.stdin.close()  # which ends the server
        self.process.wait()


def request(path, arguments, streams, cwd, environment, executable=None, forward=()) -> int:
    """Have the server run something; its exit status. The signals `forward` are passed on to it."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        names = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment)}
        text = json.dumps(names | {"executable": executable}).encode()
        socket.send_fds(server, [b"%16d" % len(text)], streams)
        server.sendall(text)
        with server.makefile() as answers:
            pid = int(answers.readline())
            for number in forward:
                signal.signal(number, lambda number, frame: os.kill(pid, number))
            return int(answers.readline())


def serve(path, code, *modules) -> dict:
    """Serve until standard input ends; returns in every fork, with what it is to run."""
    import importlib
    import select

    for name in modules:
        importlib.import_module(name)
    exec(code, {})
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    gc.collect()
    gc.freeze()  # or a collection in a fork would copy all that the server has imported
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            return answer(connection)
        connection.close()


def answer(connection) -> dict:
    """In a fork of the server: return in a fork of that one, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(connection, 16, 3)
    with connection.makefile("rb") as file:
        task = json.loads(file.read(int(head)))
    pid = os.fork()
    if not pid:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        return task
    connection.sendall(b"%d\n" % pid)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # who asked was killed
        connection.sendall(b"%d\n" % status)
    os._exit(0)


def become(task: dict) -> None:
    """Do what `python ARGUMENTS…` does."""
    import runpy

    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.executable = task["executable"] or sys.executable
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
