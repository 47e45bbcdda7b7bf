"""SIGTERM: a job that holds nothing ends at once, one that does puts its work down first."""

import os
import signal
import subprocess
import sys

import pytest

from toffee.runtime.signals import (
    EXIT_STATUS,
    Interrupted,
    defer_sigterm,
    interrupted,
    last_signal,
    raise_on_sigterm,
    stop_if_interrupted,
)
from toffee.storage.writer import ShardWriter


def terminate(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_that_holds_nothing_stops_at_once_and_the_old_handler_comes_back(number):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted), raise_on_sigterm():
        terminate(number)
        pytest.fail("it went on")
    assert signal.getsignal(number) is before
    assert last_signal() == number.name


def test_a_second_signal_does_not_disturb_the_tidying_up():
    tidied = []
    with pytest.raises(Interrupted), raise_on_sigterm():
        try:
            terminate()
        finally:
            terminate()
            tidied.append(True)
    assert tidied == [True]


def test_inside_of_deferred_the_work_decides_when():
    with raise_on_sigterm(), defer_sigterm():
        stop_if_interrupted("nothing yet")
        terminate()
        assert interrupted()
        with pytest.raises(Interrupted, match="3 of 4"):
            stop_if_interrupted("3 of 4")


def test_a_signal_of_an_earlier_job_is_forgotten():
    with pytest.raises(Interrupted), raise_on_sigterm():
        terminate()
    with raise_on_sigterm():
        assert not interrupted()


def writer(path):
    return ShardWriter(path, 3, "one", images={}, columns={"n": "int"})


def test_a_shard_keeps_its_batch_and_the_next_attempt_goes_on(tmp_path):
    path = tmp_path / "a.h5"
    kept = r"2 of 3 rows are kept in .*a\.h5\.partial"
    with pytest.raises(Interrupted, match=kept), raise_on_sigterm(), writer(path) as shard:
        terminate()
        shard.append({"n": [1, 2]}, {})
        pytest.fail("it drew another batch")
    assert not path.exists()
    with writer(path) as shard:
        assert shard.done == 2
        shard.append({"n": [3]}, {})
    assert path.exists()


def test_the_last_batch_still_finishes_its_shard(tmp_path):
    with raise_on_sigterm(), writer(tmp_path / "a.h5") as shard:
        terminate()
        shard.append({"n": [1, 2, 3]}, {})
    assert (tmp_path / "a.h5").exists()


JOB = """
import sys, time
from toffee.launch.rerun import recorded_job
from toffee.launch.job import job
record = {
    "rule": "draw_initial",
    "input": {},
    "output": {"out": "results/tiny/a.h5"},
    "params": {"function": "toffee.synthesis.initial.draw_initial", "code": "0"},
    "wildcards": {},
    "threads": 1,
    "log": "results/tiny/logs/a.log",
}
with job(recorded_job(record, {"scale": "tiny"})):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_job_ends_with_one_line_and_the_signals_status(tmp_path):
    running = subprocess.Popen(
        [sys.executable, "-c", JOB],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline() == "ready\n"
    running.terminate()
    _, errors = running.communicate(timeout=30)
    assert running.returncode == EXIT_STATUS == 143
    assert errors == "error: draw_initial: stopped by SIGTERM; nothing is kept\n"
    assert (tmp_path / "results/tiny/logs/a.log").read_text().endswith(errors)


def test_a_shard_that_is_written_behind_keeps_all_that_was_drawn(tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(Interrupted, match="2 of 3 rows"), raise_on_sigterm(), writer(path) as shard:
        shard.push({"n": [1]}, {})
        terminate()
        shard.push({"n": [2]}, {})
        pytest.fail("it drew another batch")
    with writer(path) as shard:
        assert shard.done == 2
        shard.push({"n": [3]}, {})
    assert path.exists()
