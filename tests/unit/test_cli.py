"""What the command `toffee` says before any of its commands runs."""

import shutil

import pytest

from toffee.cli import main
from toffee.runtime.project import PROJECT


@pytest.fixture
def clone(tmp_path):
    """Enough of another checkout."""
    (tmp_path / "workflow" / "toffee").mkdir(parents=True)
    shutil.copy(PROJECT / "Snakefile", tmp_path)
    (tmp_path / "results" / "tiny").mkdir(parents=True)
    return tmp_path


def test_another_checkout_than_that_of_the_code_is_named(clone, monkeypatch, capsys):
    for folder in (clone, clone / "results" / "tiny"):
        monkeypatch.chdir(folder)
        assert main(["trace", "nothing"]) == 1
        first, last = capsys.readouterr().err.splitlines()
        assert first == (
            f"note: the code that runs is of {PROJECT}, not of this checkout, {clone} "
            f"(PYTHONPATH={clone}/workflow takes its own)"
        )
        assert last.startswith("error: ")


def test_at_home_and_outside_of_any_checkout_nothing_is_noted(tmp_path, monkeypatch, capsys):
    for folder in (PROJECT, PROJECT / "docs", tmp_path):
        monkeypatch.chdir(folder)
        assert main(["trace", "nothing"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
