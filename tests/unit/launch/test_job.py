"""What a script's surroundings make of errors, of the log and of the record."""

import errno
import os
import sys
from pathlib import Path

import pytest
import torch

from toffee.launch.job import job
from toffee.launch.rerun import recorded_job
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import KEEP_JOURNALS


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    record = {
        "rule": "draw_initial",
        "input": {},
        "output": {"images": "results/tiny/dataset/stages/initial/00001.h5"},
        "params": {
            "function": "toffee.synthesis.initial.draw_initial",
            "seed": 3,
            "code": "0" * 64,
        },
        "wildcards": {"shard": "00001"},
        "threads": 1,
        "log": "results/tiny/logs/draw_initial/00001.log",
    }
    yield recorded_job(record, {"scale": "tiny"})
    torch.set_num_threads(threads)


def write(snakemake):
    for path in map(Path, snakemake.output):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made")


def log_of(snakemake):
    return Path(snakemake.log[0]).read_text()


@pytest.mark.parametrize("attempt", [None, 1])
def test_journals_are_kept_where_the_profile_says_so(snakemake, attempt, monkeypatch):
    monkeypatch.setenv(KEEP_JOURNALS, "of an earlier job")
    snakemake.resources = {"submission": attempt} if attempt else {}
    with job(snakemake):
        write(snakemake)
        assert (KEEP_JOURNALS in os.environ) == bool(attempt)


def test_output_goes_to_the_log_too(snakemake, capsys):
    with job(snakemake):
        write(snakemake)
        print("to stdout")
        print("to stderr", file=sys.stderr)
    log = log_of(snakemake)
    assert "to stdout" in log and "to stderr" in log
    assert "draw_initial 00001: done in" in log
    assert "to stdout" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ToffeeError("a.png is broken"), "error: draw_initial 00001: a.png is broken"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x.h5"),
            "error: draw_initial 00001: disk full while writing x.h5",
        ),
    ],
)
def test_a_users_error_is_one_line_and_status_1(snakemake, capsys, error, line):
    with pytest.raises(SystemExit) as stopped, job(snakemake):
        raise error
    assert stopped.value.code == 1
    assert capsys.readouterr().err.splitlines() == [line]
    assert log_of(snakemake).splitlines() == [line]


def test_a_bug_keeps_its_traceback(snakemake):
    with pytest.raises(ZeroDivisionError), job(snakemake):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in log_of(snakemake)


def test_an_output_that_is_not_there_is_an_error(snakemake, capsys):
    with pytest.raises(SystemExit), job(snakemake):
        pass
    assert "cannot read results/tiny/dataset/stages/initial/00001.h5" in capsys.readouterr().err


def test_torch_takes_the_rules_threads(snakemake):
    snakemake.threads = 2
    with job(snakemake):
        write(snakemake)
        assert torch.get_num_threads() == 2
    assert sys.stdout.__class__.__name__ != "Tee"
