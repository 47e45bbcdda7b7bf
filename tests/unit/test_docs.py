"""The pages name only what exists, and the front page stays short."""

import re
import shlex
from pathlib import Path

import pytest

from toffee.cli import _parser

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "results" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "profiles").glob("*/README.md"))
MORE = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
"""Pages that also name files that are to be written, or were removed."""
FOLDERS = "config|docs|envs|profiles|rules|tests|tools|workflow"
VALUED = ("--cores", "--config", "--configfile", "--profile", "--forcerun", "--report", "--logger")
"""Options of Snakemake whose value is no target."""


def per_page(pages):
    """Run a test once per page."""
    return pytest.mark.parametrize("page", pages, ids=[str(p.relative_to(ROOT)) for p in pages])


def blocks(page: Path) -> str:
    """The text of a page's code blocks."""
    return "\n".join(re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(), re.M | re.S))


def commands(program: str) -> list[list[str]]:
    """The arguments of each call of a program in the code blocks of the front page."""
    lines = [shlex.split(line, comments=True) for line in blocks(README).splitlines() if line]
    return [words[1:] for words in lines if words and words[0] == program]


def targets(arguments: list[str]) -> list[str]:
    """The targets among the arguments of a call of Snakemake."""
    pairs = zip(["", *arguments], arguments, strict=False)
    return [word for before, word in pairs if before not in VALUED and not word.startswith("-")]


def test_the_front_page_is_short():
    lines = README.read_text().splitlines()
    assert len(lines) <= 130
    assert [line for line in lines if len(line) > 120] == []


@per_page([*PAGES, *MORE])
def test_lines_fit_120_columns(page):
    generated = re.compile(r"<!-- (\w+):begin -->.*?<!-- \1:end -->", re.S)
    lines = generated.sub("", page.read_text()).splitlines()
    assert [line for line in lines if len(line) > 120] == []


@per_page([*PAGES, *MORE])
def test_every_relative_link_exists(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    files = [link for link in links if "://" not in link]
    assert [link for link in files if not (page.parent / link).exists()] == []


@per_page(PAGES)
def test_every_file_that_is_named_exists(page):
    names = re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", page.read_text())
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_commands_of_the_front_page_exist():
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    rules = "\n".join(path.read_text() for path in [ROOT / "Snakefile", *ROOT.glob("rules/*.smk")])
    known = set(re.findall(r"^rule (\w+):", rules, re.M))
    make, snakemake, toffee = map(commands, ("make", "snakemake", "toffee"))
    assert make and snakemake and toffee
    assert {name for call in make for name in call} <= made
    assert {name for call in snakemake for name in targets(call)} <= known
    for call in toffee:
        _parser().parse_args(call)  # exits where a command or an option does not exist
