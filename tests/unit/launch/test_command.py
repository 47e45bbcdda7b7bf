"""Slips in a command line for which Snakemake prints a traceback."""

import pytest

from toffee.launch.command import check_command_line

MULTI = "error: --configfile all: no such file; a target stands after --: "


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "tab.yaml").write_text("a:\n\tb: 1\n")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-n", "--configfile", "mine.yaml", "--config", "seed=2", "filter={max_copy_rate: 0.6}"],
        ["--config", "a_b-c=d=e", "seed=", "--", "all"],
    ],
)
def test_what_snakemake_reads_is_left_alone(arguments, capsys):
    check_command_line(["snakemake", *arguments])
    assert capsys.readouterr().err == ""


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
        (["--configfile", "."], "error: --configfile .: no such file"),
    ],
)  # fmt: skip
def test_a_slip_is_one_line(arguments, line, capsys):
    with pytest.raises(SystemExit) as left:
        check_command_line(["snakemake", "-n", *arguments])
    said = capsys.readouterr().err
    assert left.value.code == 1 and said.startswith(line) and said.count("\n") == 1
