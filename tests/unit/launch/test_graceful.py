"""SIGTERM while Snakemake's main thread holds the lock that its handler takes, and Ctrl-C early."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from toffee.launch.graceful import guard_clean_up, guard_sigterm

ROOT = Path(__file__).resolve().parents[3]
STRIKE = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n"


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


def test_ctrl_c_while_jobs_are_cancelled_waits_for_the_third(scheduler, monkeypatch, capfd):
    cancelled = []

    def cancel():
        os.kill(os.getpid(), signal.SIGINT)
        cancelled.append(True)

    def plain(self):
        self._executor = SimpleNamespace(cancel=cancel)

    monkeypatch.setattr(JobScheduler, "__init__", plain)
    guard_clean_up()
    guard_clean_up()
    before = signal.getsignal(signal.SIGINT)
    try:
        JobScheduler.__init__(scheduler)
        scheduler._executor.cancel()
        assert cancelled and capfd.readouterr().err.count("once more ends it") == 1
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


def ended(*arguments: str, path: str = "") -> subprocess.CompletedProcess:
    """A Python that Ctrl-C reaches, also where the tests run in the background."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": path or str(ROOT / "workflow")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        capture_output=True,
        text=True,
    )


def test_ctrl_c_while_snakemake_plans_is_one_line():
    code = f"from toffee.launch.graceful import say_interrupts\nsay_interrupts()\n{STRIKE}"
    done = ended("-c", code)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "error: stopped by SIGINT\n")
    assert "ValueError" in ended("-c", code.replace(STRIKE, "raise ValueError")).stderr


def test_ctrl_c_while_a_job_imports_what_it_needs_is_no_traceback(tmp_path):
    package = tmp_path / "toffee" / "launch"
    package.mkdir(parents=True)
    for place in (package.parent, package):
        (place / "__init__.py").touch()
    (package / "job.py").write_text(STRIKE)
    script = shutil.copy(ROOT / "workflow" / "run.py", tmp_path)
    done = ended(str(script), path=str(tmp_path))
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
