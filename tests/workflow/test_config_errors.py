"""What is wrong with the configuration is one line, before anything runs."""

import re

import pytest

from .conftest import ROOT


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--config", "refiner={step: 3}"],
            "error: unknown config key refiner.step, did you mean refiner.steps?",
        ),
        (
            ["--config", "models={set: huge}"],
            "error: config/models.yaml has no set huge (models.set), expected one of: tiny, small, "
            "paper, turbo",
        ),
        (
            ["--config", "models={zoo: elsewhere}"],
            "error: cannot read elsewhere/manifest.json: No such file or directory; see target zoo",
        ),
    ],
)
def test_one_line_and_nothing_made(fresh, arguments, line):
    done = fresh.run("all", *arguments, check=False)
    assert done.returncode == 1
    assert line in done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert not (fresh.folder / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--config", "refiner.steps=3"], "error: --config refiner.steps=3: write --config 'ref"),
        (["--configfile", "config/demo.yaml", "all"], "error: --configfile all: no such file; a t"),
    ],
)
def test_a_slip_in_the_command_line_is_one_line(fresh, arguments, line):
    done = fresh.run("-n", *arguments, check=False)
    assert done.returncode == 1
    _, said = done.stderr.splitlines()  # after Snakemake's own line about the profile
    assert said.startswith(line)


def test_an_edited_file_gives_nothing_but_the_line(fresh):
    path = fresh.folder / "config" / "config.yaml"
    text = path.read_text()
    path.write_text(text.replace("scale: tiny", "scale: tiny\ncolour: red"))
    done = fresh.run("all", "--quiet", "all", check=False)
    path.write_text(text)
    assert done.returncode == 1
    profile, said = done.stderr.splitlines()
    assert profile.startswith("Using workflow specific profile profiles/default")
    assert said == "error: unknown config key colour, did you mean synthesis.kinds.colour?"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["tabels"],
            r"error: unknown target tabels \(did you mean tables\?\), expected a file .*all",
        ),
        (["results/tiny/tables/costs.csv"], "error: unknown target results/tiny/tables/costs.csv"),
        (
            ["results/small/tables/cost.csv"],
            "error: .* is a file of scale small, and this run's is",
        ),
        (["all", "--config", "scale=huge"], "error: unknown scale huge, expected one of: tiny"),
    ],
)
def test_an_unknown_target_or_scale_lists_what_exists(fresh, arguments, line):
    done = fresh.run(*arguments, "--quiet", "all", check=False)
    assert done.returncode == 1
    _, said = done.stderr.splitlines()  # after Snakemake's own line about the profile
    assert re.match(line, said)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (
            "results/tiny/tables/dreambench.csv",
            "error: results/tiny/tables/dreambench.csv is a file of scale tiny, and this run's is",
        ),
        ("README.md", "error: unknown target README.md, expected a file below results/desk or"),
    ],
)
def test_a_file_that_exists_is_no_target_for_that(fresh, tmp_path, path, line):
    there = fresh.copy(tmp_path / "project")
    (there.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (there.folder / path).touch()
    done = there.run("-n", "--quiet", "all", "--config", "scale=desk", "--", path, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(line) and "Exception" not in done.stderr


def test_every_target_of_the_docs_is_listed(fresh):
    text = (ROOT / "docs" / "targets.md").read_text()
    commands = re.findall(r"`snakemake --cores 2 ([\w ]+)`", text)
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", text, re.M)
    documented = set(re.findall(r"\w+", " ".join([*commands, *rows])))
    assert {"dreambench", "worst", "export_folder"} <= documented  # the page was read
    done = fresh.run("nonexistent", "--quiet", "all", check=False)
    assert documented - set(re.findall(r"\w+", done.stderr.partition("or one of: ")[2])) == set()


def test_lint_is_clean(fresh):
    done = fresh.run("--lint")
    assert "Congratulations" in done.stdout + done.stderr
