"""Slips in a command line for which Snakemake prints a traceback."""

import getpass
import os
import tempfile

import pytest

from toffee.launch.command import CACHE, check_command_line
from toffee.launch.nobody import NAMES, name_and_home

MULTI = "error: --configfile all: no such file; a target stands after --: "


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "tab.yaml").write_text("a:\n\tb: 1\n")
    (tmp_path / "deep.yaml").write_text(f"a: {'[' * 5000}{']' * 5000}\n")
    (tmp_path / "digits.yaml").write_text(f"seed: {'7' * 6000}\n")
    (tmp_path / "digits.json").write_text(f'{{"seed": {"7" * 6000}}}')
    (tmp_path / "date.yaml").write_text("seed: 2026-13-45\n")
    (tmp_path / "tag.yaml").write_text("seed: !!bool x\n")
    (tmp_path / "empty.yaml").write_text("seed: !!int ''\n")
    (tmp_path / "nul.yaml").write_text("seed: \0\n")
    (tmp_path / "views.csv").write_text("method,metric\n")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    (tmp_path / "twice.yaml").write_text("a: {b: 1}\nc: 2\na: {d: 3}\n")
    (tmp_path / "merged.yaml").write_text("a: &a {b: 1}\nc: {<<: *a, b: 2}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-n", "--configfile", "mine.yaml", "--config", "seed=2", "filter={max_copy_rate: 0.6}"],
        ["--config", "a_b-c=d=e", "seed=", "--", "all"],
        ["--configfile", "merged.yaml", "--config", "ab=1", "--", "--config"],
    ],
)
def test_what_snakemake_reads_is_left_alone(arguments, capsys):
    check_command_line(["snakemake", *arguments])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("given", [{}, {"HOME": "/h"}, {"HOME": "/h", "USER": "me"}])
def test_a_user_whom_the_system_does_not_know(monkeypatch, given):
    """`docker run -u 12345`: Snakemake asks for the user's name and home, and has neither."""
    for name in ("HOME", *NAMES):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert name_and_home(os.environ, "/tmp") == {}
    monkeypatch.setattr(os, "getuid", lambda: 3_000_000_000)
    check_command_line(["snakemake"])
    assert getpass.getuser() == given.get("USER", "3000000000")
    assert os.environ["HOME"] == given.get("HOME", tempfile.gettempdir())


def test_another_programs_command_line_is_no_matter():
    check_command_line(["toffee", "--config", "a.b=1"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--config", "a.b=1"], "error: --config a.b=1: write --config 'a={b: 1}'"),
        (["--config", "a.b.c=2"], "error: --config a.b.c=2: write --config 'a={b: {c: 2}}'"),
        (["--config", "scale"], "error: --config scale: expected NAME=VALUE"),
        (["--config", "1x=2"], "error: --config 1x=2: expected NAME=VALUE"),
        (["--configfile", "nowhere.yaml"], "error: --configfile nowhere.yaml: no such file"),
        (["--configfile", "mine.yaml", "all"], f"{MULTI}--configfile mine.yaml -- all"),
        (["--configfile", "list.yaml"], "error: --configfile list.yaml: expected keys and values"),
        (["--configfile", "tab.yaml"], "error: --configfile tab.yaml: cannot be read"),
        (["--configfile", "latin.yaml"], "error: --configfile latin.yaml: cannot be read"),
        (["--configfile", "deep.yaml"], "error: --configfile deep.yaml: cannot be read as YAML"),
        (["--configfile", "digits.yaml"], "error: --configfile digits.yaml: cannot be read as"),
        (["--configfile", "digits.json"], "error: --configfile digits.json: cannot be read as"),
        (["--configfile", "date.yaml"], "error: --configfile date.yaml: cannot be read as YAML"),
        (["--configfile", "tag.yaml"], "error: --configfile tag.yaml: cannot be read as YAML"),
        (["--configfile", "empty.yaml"], "error: --configfile empty.yaml: cannot be read as YAML"),
        (["--configfile", "nul.yaml"], "error: --configfile nul.yaml: cannot be read as YAML"),
        (["--configfile", "mine.yaml", "views.csv"],
         "error: --configfile views.csv: expected keys and values, as in config/demo.yaml; "
         "a target stands after --: --configfile mine.yaml -- views.csv"),
        (["--configfile", "twice.yaml"],
         "error: --configfile twice.yaml: cannot be read as YAML (line 3: a is given twice)"),
        (["--config", "ab={b: 1, b: 2}"], "error: --config ab={b: 1, b: 2}: line 1: b is given t"),
        (["--config", "ab=1", "--config", "bc=2"], "error: --config is given twice, and only the "),
        (["--configfile", "mine.yaml", "--configfiles=merged.yaml"],
         "error: --configfile is given twice, and only the last one counts: write --configfile F"),
        (["--configfile", "pipe.yaml"],
         "error: --configfile cannot read pipe.yaml: expected a file, found a pipe"),
        (["--configfile", "."], "error: --configfile cannot read .: expected a file, found a fol"),
    ],
)  # fmt: skip
def test_a_slip_is_one_line(arguments, line, capsys):
    with pytest.raises(SystemExit) as left:
        check_command_line(["snakemake", "-n", *arguments])
    said = capsys.readouterr().err
    assert left.value.code == 1 and said.startswith(line) and said.count("\n") == 1


def test_a_user_without_a_home_has_a_cache_all_the_same(monkeypatch):
    monkeypatch.setenv("HOME", "/dev/null/nobody")
    monkeypatch.delenv(CACHE, raising=False)
    check_command_line(["snakemake", "-n"])
    assert os.access(os.environ[CACHE], os.W_OK)


def test_a_cache_that_can_be_made_is_left_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE, str(tmp_path / "new" / "cache"))
    check_command_line(["snakemake", "-n"])
    assert os.environ[CACHE] == str(tmp_path / "new" / "cache")
