"""A scale or a target that does not exist is one line that says what does."""

from pathlib import Path

import pytest

from toffee.launch.adopt import ONLY_PLANNING
from toffee.launch.targets import plans_jobs_of, requested, scale_file, scales, unknown_target

CONFIG = Path(__file__).resolve().parents[3] / "config"


def test_the_scales_are_the_files_that_say_so():
    found = scales(CONFIG)
    assert {name: path.name for name, path in found.items()} == {
        "tiny": "config.yaml",
        "desk": "desk.yaml",
        "small": "small.yaml",
        "paper": "paper.yaml",
    }


def test_a_scale_brings_its_file_unless_one_is_given():
    assert scale_file(CONFIG, {"scale": "paper"}, []) == str(CONFIG / "paper.yaml")
    assert scale_file(CONFIG, {"scale": "tiny"}, []) is None
    assert scale_file(CONFIG, {}, []) is None


def test_files_of_ones_own_may_name_a_scale_of_ones_own_or_bring_that_of_a_scale(
    tmp_path, capsys, monkeypatch
):
    mine, small = tmp_path / "mine.yaml", CONFIG / "small.yaml"
    mine.write_text("refiner: {steps: 5}\n")
    assert scale_file(CONFIG, {"scale": "mine"}, [mine]) is None
    assert scale_file(CONFIG, {}, [mine]) is None
    assert scale_file(CONFIG, {"scale": "small"}, [small, mine]) is None
    with pytest.raises(SystemExit):
        scale_file(CONFIG, {"scale": "small"}, [mine])
    mine.write_text("scale: small\n")
    assert scale_file(CONFIG, {}, [small, mine]) is None
    assert scale_file(CONFIG, {"scale": "mine"}, [mine]) is None
    with pytest.raises(SystemExit):
        scale_file(CONFIG, {}, [mine])
    whole = tmp_path / "whole.yaml"
    whole.write_text(small.read_text().replace("steps: 20", "steps: 21"))
    assert scale_file(CONFIG, {}, [whole]) is None
    monkeypatch.setenv(ONLY_PLANNING, "1")
    assert scale_file(CONFIG, {}, [mine]) is None
    line = "error: scale small has values of its own: give --configfile "
    assert [one.startswith(line) for one in capsys.readouterr().err.splitlines()] == [True, True]


def test_an_unknown_scale_stops_with_one_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        scale_file(CONFIG, {"scale": "huge"}, [])
    assert stopped.value.code == 1
    line = "error: unknown scale huge, expected one of: tiny, desk, paper, small"
    assert capsys.readouterr().err == f"{line} (or a --configfile of yours)\n"


def test_an_unknown_target_is_named_with_a_close_one():
    line = unknown_target("dreambnch", ["all", "dreambench"], "tiny")
    assert line == (
        "unknown target dreambnch (did you mean dreambench?), expected a file below results/tiny "
        "or one of: all, dreambench"
    )
    line = unknown_target("results/paper/tables/cost.csv", ["all"], "tiny")
    assert line == "results/paper/tables/cost.csv is a file of scale paper, and this run's is tiny"


def test_targets_of_a_command_line():
    command = ["/bin/snakemake", "--cores", "2", "tables", "-n", "--config", "seed=1"]
    assert requested(command) == ["tables"]
    assert requested(["/bin/snakemake", "--cores", "2"]) == []
    assert requested(["/lib/snakemake/__main__.py", "cost"]) == ["cost"]
    assert requested(["/bin/pytest", "cost"]) == []


def test_the_process_of_a_submitted_job_looks_at_its_own_rules_alone():
    job = ["/lib/snakemake/__main__.py", "--allowed-rules", "draw_initial", "refine_shard", "-n"]
    assert plans_jobs_of("draw_initial", job) and plans_jobs_of("refine_shard", job)
    assert not plans_jobs_of("train_toffeenet", job)
    assert plans_jobs_of("train_toffeenet", ["/bin/snakemake", "tables"])
    assert plans_jobs_of("train_toffeenet", ["/bin/pytest"])  # a plan made by Snakemake's API
