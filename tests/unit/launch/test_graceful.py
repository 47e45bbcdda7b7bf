"""SIGTERM while Snakemake's main thread holds the lock that its handler takes."""

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from toffee.launch.graceful import guard_sigterm


@pytest.fixture
def scheduler(monkeypatch):
    monkeypatch.setattr(JobScheduler, "exit_gracefully", JobScheduler.exit_gracefully)
    return SimpleNamespace(
        _lock=threading.Lock(), _open_jobs=threading.Semaphore(0), _user_kill=None
    )


def test_the_main_thread_goes_on_and_the_signal_counts(scheduler):
    guard_sigterm()
    guard_sigterm()  # a Snakefile may be read twice
    handler = lambda *arguments: JobScheduler.exit_gracefully(scheduler, *arguments)  # noqa: E731
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with scheduler._lock:  # as in `_finish_jobs`
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            assert scheduler._user_kill is None
        assert scheduler._open_jobs.acquire(timeout=5)
        assert scheduler._user_kill == "graceful"
    finally:
        signal.signal(signal.SIGTERM, before)
