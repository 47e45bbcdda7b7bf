"""What a run tells at its end of the jobs that did not end well."""

import json
import os
from pathlib import Path

import pytest

from toffee.launch.failures import failures, format_failures

ROOT = "results/tiny"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mark(name: str, attempts: int, at: float, lines: list[str] | None) -> None:
    path = Path(ROOT, "records", f"{name}.h5.json.started")
    path.parent.mkdir(parents=True, exist_ok=True)
    log = Path(ROOT, "logs", "draw_views", f"{name}.log")
    content = {"log": str(log), "attempts": [{"start": "x"}] * attempts}
    path.write_text(json.dumps(content))
    os.utime(path, (at, at))
    if lines is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(f"{line}\n" for line in lines))


def test_each_job_of_this_run_with_the_last_lines_of_its_log(here):
    mark("00001", 3, 200, [f"line {n}" for n in range(9)])
    mark("00002", 1, 201, None)
    mark("00003", 1, 50, ["of an earlier run"])
    assert format_failures(failures(ROOT, since=100)) == (
        "2 jobs failed:\n"
        "  draw_views 00001, 3 attempts (results/tiny/logs/draw_views/00001.log)\n"
        "    line 4\n    line 5\n    line 6\n    line 7\n    line 8\n"
        "  draw_views 00002 (results/tiny/logs/draw_views/00002.log)\n"
        "    (no log)\n"
    )


def test_a_log_that_is_empty_is_said_to_be(here):
    mark("00001", 1, 200, [])
    assert "killed before its first line" in format_failures(failures(ROOT, since=100))


def test_nothing_is_told_where_nothing_failed(here):
    assert format_failures(failures(ROOT, since=0)) == ""


def test_a_mark_of_an_older_version_is_passed_over(here):
    path = Path(ROOT, "records", "a.json.started")
    path.parent.mkdir(parents=True)
    path.write_text('{"attempts": []}')
    assert failures(ROOT, since=0) == []
