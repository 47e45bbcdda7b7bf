"""A fork gets the signals of the process that asked for it, as a job on a cluster gets SLURM's."""

import json
import os
import signal
import socket
import subprocess
import time

import psutil
import pytest
from fork_server import ForkServer

STARTS_ANOTHER = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ForkServer.start(
        tmp_path_factory.mktemp("server"), ["json", "numpy.random"], os.environ
    ) as server:
        yield server


def start(server, **variables: str) -> tuple[subprocess.Popen, psutil.Process, psutil.Process]:
    """Who asked, the fork, and what the fork has started."""
    asked = subprocess.Popen(
        [server.python, "-c", STARTS_ANOTHER],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = psutil.Process(int(asked.stdout.readline()))
    ((number, task),) = server.running().items()
    assert variables.items() <= task["environment"].items()
    fork = psutil.Process(number)
    assert child.parent() == fork
    return asked, fork, child


def eventually(condition) -> bool:
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended: it may be that nobody waits for it."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 7), (signal.SIGKILL, -9)])
def test_a_signal_to_who_asked_reaches_the_fork(server, number, status):
    asked, fork, child = start(server)
    asked.send_signal(number)
    assert asked.wait() == status
    assert eventually(lambda: is_gone(fork) and not server.running())
    assert child.status() == psutil.STATUS_SLEEPING
    child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_in_a_job_of_slurm_it_reaches_all_processes(server, number):
    asked, fork, child = start(server, SLURM_JOB_ID="7")
    asked.send_signal(number)
    asked.wait()
    assert eventually(lambda: is_gone(fork) and is_gone(child) and not server.running())


def test_who_asked_ends_as_the_fork_does(server):
    asked, fork, child = start(server)
    fork.kill()
    assert asked.wait() == -signal.SIGKILL
    child.kill()


def test_a_signal_that_comes_when_the_fork_has_ended_changes_nothing(server):
    asked = subprocess.Popen(
        [server.python, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    asked.stdout.readline()
    asked.send_signal(signal.SIGSTOP)
    asked.stdin.write(b"\n")
    asked.stdin.flush()
    assert eventually(lambda: not server.running())
    time.sleep(0.1)  # the server answers
    asked.send_signal(signal.SIGTERM)
    asked.send_signal(signal.SIGCONT)
    assert asked.communicate() == (b"", b"") and asked.returncode == 0


def test_nobody_waits_for_who_asks_slowly_or_is_killed_while_asking(server):
    """And a stream that came with half of a request is not kept open."""
    head = b"%16d" % len(json.dumps({}))
    reading, writing = os.pipe()
    clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for client in clients:
        client.connect(server.socket)
    socket.send_fds(clients[1], [head], [0, writing, 2])
    socket.send_fds(clients[2], [head], [0, writing, 2])
    clients[2].sendall(b"{")
    os.close(writing)
    command = [server.python, "-c", "import os; print(len(os.listdir('/proc/self/fd')))"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert int(done.stdout) == 4  # the streams, and the folder that is listed
    for client in clients:
        client.close()
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_request_may_be_larger_than_a_socket_holds(server):
    variables = {f"V{n}": "x" * 100_000 for n in range(20)}
    command = ["-c", "import os; print(len(os.environ['V19']))"]
    done = server.run(command, os.getcwd(), os.environ | variables)
    assert (done.returncode, done.stdout) == (0, "100000\n")


def test_what_no_seed_decides_differs_between_forks(server):
    command = ["-c", "import random, numpy; print(random.random(), numpy.random.rand())"]
    drawn = [server.run(command, os.getcwd(), os.environ).stdout.split() for _ in range(2)]
    assert not set(drawn[0]) & set(drawn[1])


def test_torchrun_is_a_child_of_the_job_and_no_fork(server, tmp_path):
    """It ends at once where another process started it."""
    package = tmp_path / "toffee" / "training"
    package.mkdir(parents=True)
    (package / "torchrun.py").write_text("import os; print(os.getppid())")
    done = subprocess.run(
        [server.python, "-m", "toffee.training.torchrun"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{os.getpid()}\n"
