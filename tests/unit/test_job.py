"""What a script's surroundings make of errors and of the log."""

import errno
import sys
from types import SimpleNamespace

import pytest
import torch

from toffee.errors import ToffeeError
from toffee.job import job


@pytest.fixture
def snakemake(tmp_path):
    threads = torch.get_num_threads()
    yield SimpleNamespace(
        rule="draw_initial", wildcards=["00001"], threads=1, log=[tmp_path / "logs" / "job.log"]
    )
    torch.set_num_threads(threads)


def test_output_goes_to_the_log_too(snakemake, capsys):
    with job(snakemake):
        print("to stdout")
        print("to stderr", file=sys.stderr)
    log = snakemake.log[0].read_text()
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
    assert snakemake.log[0].read_text().splitlines() == [line]


def test_a_bug_keeps_its_traceback(snakemake):
    with pytest.raises(ZeroDivisionError), job(snakemake):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in snakemake.log[0].read_text()


def test_torch_takes_the_rules_threads(snakemake):
    snakemake.threads = 2
    with job(snakemake):
        assert torch.get_num_threads() == 2
    assert sys.stdout.__class__.__name__ != "Tee"
