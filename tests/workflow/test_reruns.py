"""What a change reruns: exactly the rules that it reaches, and nothing else."""

import json
import os
import re

import pytest

from toffee.runtime.files import file_digest

from .conftest import TARGETS
from .rerun_matrix import LEAKAGE, PAGE, PLANNED, REFINER, TUNING, VIEWS


def edit(path, old, new):
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1))


def old(path):
    """Give a file a time before every result's."""
    os.utime(path, (0, 0))


def reasons(project, *arguments):
    """Rule → why a dry run would run it; of several jobs the last one's."""
    out = project.run("--dry-run", *arguments).stdout
    return dict(re.findall(r"^rule (\w+):\n(?:    .*\n)*?    reason: (.*)$", out, re.M))


def test_a_second_run_has_nothing_to_do(project):
    done = project.run("all")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_profile_of_ones_own_does_not_bring_the_times_back(project):
    (project.folder / "mine").mkdir()
    (project.folder / "mine" / "config.yaml").write_text("rerun-triggers: [mtime, code]\n")
    (project.folder / "workflow" / "run.py").touch()
    assert project.planned("all", "--profile", "mine") == set()


@pytest.mark.parametrize(
    ("file", "edit", "rules"),
    [
        ("prompts/tiny.yaml", "  - more\n", PLANNED | REFINER | TUNING),
        ("published/ablations.csv", "a\n", {"tabulate_reconstruction"} | PAGE),
        ("published/cost.csv", "a\n", {"tabulate_cost", "plot_cost", "tabulate_dataset", *PAGE}),
        ("published/dreambench.csv", "a\n", {"tabulate_dreambench", *PAGE}),
    ],
)
def test_an_edited_file_of_the_repository_counts_whatever_its_time(settings, file, edit, rules):
    path = settings.folder / "config" / file
    path.write_text(path.read_text() + edit)
    old(path)
    assert settings.planned(*TARGETS) == rules


def test_what_changes_no_result_reruns_nothing(project):
    """Comments, docstrings, log lines, what no rule reaches, the runner and plumbing; and the new
    times of a fresh checkout."""
    package = project.folder / "workflow" / "toffee"
    edit(package / "synthesis" / "filter.py", '"""The filter: ', '"""The sieve: ')
    edit(package / "training" / "loop.py", "goes on from step", "continues at step")
    edit(package / "runtime" / "progress.py", "{rest}", "{rest}.")
    path = package / "runtime" / "seeds.py"  # which every rule that draws imports
    path.write_text(path.read_text() + "\n# a comment\n\n\ndef unused():\n    return 1\n")
    for path in (package.parent / "run.py", package / "launch/job.py", package / "launch/call.py"):
        path.write_text(path.read_text() + "\nUNUSED = 1\n")
    for name in ("prompts/tiny.yaml", "references/world.yaml"):
        path = project.folder / "config" / name
        path.write_text("# a comment\n" + path.read_text())
    for name in ("workflow", "config", "rules", "envs", "profiles", "Snakefile"):
        path = project.folder / name
        for file in path.rglob("*") if path.is_dir() else [path]:
            file.touch()
    assert project.planned(*TARGETS) == set()


def test_an_edit_of_a_module_reruns_the_rules_that_reach_it(project):
    """And what follows; also where the file's time is older than the results."""
    path = project.folder / "workflow" / "toffee" / "figures" / "strength.py"
    path.write_text(path.read_text() + "\nprint()\n")
    old(path)
    assert project.planned(*TARGETS) == {"plot_strength"} | PAGE
    path = project.folder / "workflow" / "toffee" / "evaluation" / "score" / "leakage.py"
    path.write_text(path.read_text() + "\nprint()\n")
    old(path)
    assert project.planned(*TARGETS) == {"plot_strength"} | LEAKAGE


def test_an_edit_of_a_function_reruns_its_rule(project):
    path = project.folder / "workflow" / "toffee" / "evaluation" / "score" / "views.py"
    edit(path, "def score_views(", "@staticmethod\ndef score_views(")
    old(path)
    assert project.planned(*TARGETS) == VIEWS - {"generate_views", "plot_views"}


def test_a_reason_names_the_value_that_changed(settings):
    edit(settings.folder / "config" / "config.yaml", "max_copy_rate: 0.3", "max_copy_rate: 0.6")
    found = reasons(settings, "dataset")
    assert (
        "before: thresholds.max_copy_rate = 0.3 now: thresholds.max_copy_rate = 0.6"
        in found["filter_dataset"]
    )
    assert "results/tiny/dataset/funnel.csv" in found["tabulate_dataset"]
    assert (
        "thresholds.max_copy_rate = 0.3 now: thresholds.max_copy_rate = 0.6"
        in found["export_shard"]
    )
    for reason in found.values():
        assert re.search(r"max_copy_rate = 0.3 now|updated by another job: results/", reason)


def test_a_reason_names_code(project):
    path = project.folder / "workflow" / "toffee" / "figures" / "views.py"
    path.write_text(path.read_text() + "\nprint()\n")
    found = reasons(project, "views")
    assert list(found) == ["plot_views", "views"]
    expected = r"before: code = [0-9a-f]{12}… now: code = [0-9a-f]{12}…"
    assert re.search(expected, found["plot_views"])


def test_a_reason_names_what_is_lost(settings):
    (settings.folder / "results" / "tiny" / "tables" / "views.csv").unlink()
    assert reasons(settings, "views")["tabulate_views"] == (
        "Missing output files: results/tiny/tables/views.csv"
    )


def test_what_the_base_model_draws_knows_nothing_of_toffeenet(settings):
    """Nor do controls that copy: the sweep, the base model's images and the pairs stay."""
    edit(settings.folder / "config" / "config.yaml", "subject_scale: 1.0", "subject_scale: 3.0")
    out = settings.run("--dry-run", "dreambench", "editing").stdout
    drawn = set(
        re.findall(r"output: \S*/evaluation/(?:dreambench|editing)/(\w+)[/.]\S*h5$", out, re.M)
    )
    assert drawn == {"toffeenet", "wrong_subject", "depth"}


def test_one_more_shard_is_the_only_one_that_is_made(settings):
    """And what reads all shards; a reason names the new file."""
    edit(settings.folder / "config" / "config.yaml", "  shards: 2", "  shards: 3")
    out = settings.run("--dry-run", "dataset").stdout
    jobs = re.findall(r"^rule (\w+):", out, re.M)
    shards = set(re.findall(r"wildcards: shard=(\d+)", out))
    assert shards == {"00002"}
    stages = {"plan_shard", "draw_initial", "refine_shard", "draw_views", "make_edits"}
    assert set(jobs) >= stages | {"score_shard", "filter_dataset"}
    assert not set(jobs) & {"list_subjects", "plot_pipeline", "pretrain_refiner"}
    reason = reasons(settings, "dataset")["filter_dataset"]
    assert "updated by another job: results/tiny/dataset/shards/00002.h5" in reason


def test_a_retrained_zoo_model_is_fetched_again_and_no_other(settings):
    zoo = settings.folder / "workflow" / "zoo"
    path = zoo / "metric_clip" / "config.json"
    path.write_text('{"role": "metric_clip", "better": true}')
    manifest = json.loads((zoo / "manifest.json").read_text())
    entry = manifest["parts"]["metric_clip"]["files"]["config.json"]
    entry.update(sha256=file_digest(path), size=path.stat().st_size)
    (zoo / "manifest.json").write_text(json.dumps(manifest))
    planned = settings.planned("all")
    assert "download_model" in planned
    assert {
        rule for rule in planned if not rule.startswith(("score_", "check_", "tabulate_", "plot_"))
    } == {"download_model"}


@pytest.mark.parametrize(
    "names",
    [
        ("views", "dreambench", "reconstruction", "strength", "dataset"),
        ("variants", "segmentation", "reference", "editing"),
    ],
)
def test_lost_tables_are_remade_from_their_scores_and_nothing_else(settings, names):
    for name in names:
        (settings.folder / "results" / "tiny" / "tables" / f"{name}.csv").unlink()
    assert settings.planned(*names, "tables") == {f"tabulate_{name}" for name in names}


def test_a_lost_table_of_costs_is_remade_with_its_figure(settings):
    (settings.folder / "results" / "tiny" / "tables" / "cost.csv").unlink()
    assert settings.planned("tables", "figures") == {"tabulate_cost", "plot_cost"}


def test_the_demo_draws_nothing_that_the_tables_have(settings):
    planned = settings.planned("all", "--configfile", "config/demo.yaml")
    assert planned == {"tabulate_dreambench"}


def test_a_new_variant_is_all_that_is_trained(settings):
    config = settings.folder / "config" / "config.yaml"
    edit(config, "  p_0_3: ", "  p_0_5: {reconstruction: 0.5}\n  p_0_3: ")
    done = settings.run("reconstruction", "--dry-run")
    planned = re.findall(r"^rule (\w+):", done.stdout + done.stderr, re.M)
    assert planned.count("train_toffeenet") == 2  # config evaluation.trainings
    assert planned.count("generate_benchmark") == planned.count("score_dreambench") == 2 * 2
    assert settings.planned("variants", "segmentation", "dreambench") == set()


def test_one_more_generation_seed_draws_that_seed_alone(settings):
    edit(settings.folder / "config" / "config.yaml", "images_per_prompt: 2", "images_per_prompt: 3")
    done = settings.run("strength", "reconstruction", "--dry-run")
    drawn = set(re.findall(r"dreambench/(\w+)/(\d)\.h5\n *log", done.stdout + done.stderr))
    assert drawn == {(name, "2") for name in ("strength", "toffeenet", "p_0", "p_0_3")}


def test_another_scale_has_its_own_results(settings):
    (settings.folder / "results" / "paper" / "data" / "benchmark").mkdir(parents=True)
    planned = settings.planned(
        "all", "--configfile", "config/paper.yaml", "--config", "synthesis={shards: 3}"
    )
    assert not {rule for rule in planned if rule.startswith("write_")}
    assert "tabulate_base" not in planned
    assert {"download_model", "synthesize_shard", "train_toffeenet"} <= planned
    assert {"draw_subjects", "import_multiview", "import_heldout"} <= planned
    assert "import_subjects" not in planned
