"""A fork gets the signals of the process that asked for it, as a job on a cluster gets SLURM's."""

import os
import signal
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
    with ForkServer.start(tmp_path_factory.mktemp("server"), ["json"], os.environ) as server:
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
