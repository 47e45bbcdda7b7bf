"""What a change reruns: exactly the rules that it reaches, and nothing else."""

import json
import re
import shutil

import pytest

from toffee.files import file_digest

TABLES = {"base", "refiner", "views", "dreambench", "dataset"}
AFTER_FILTER = {
    "filter_dataset",
    "export_dataset",
    "train_toffeenet",
    "generate_benchmark",
    "score_dreambench",
    "score_dataset",
    "tabulate_dreambench",
    "tabulate_dataset",
    "plot_editing",
    "plot_toffeenet",
    "plot_dataset",
    "write_report",
}


def edit(path, old, new):
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1))


def test_a_second_run_has_nothing_to_do(project):
    done = project.run("all")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_fresh_checkout_has_nothing_to_do(project):
    """New times of the same files change nothing: content decides."""
    for name in ("workflow", "config", "rules", "Snakefile"):
        path = project.folder / name
        for file in path.rglob("*") if path.is_dir() else [path]:
            file.touch()
    assert project.planned("all") == set()


def test_a_threshold_reruns_the_filter_and_what_follows(project):
    config = project.folder / "config" / "config.yaml"
    edit(config, "max_copy_rate: 0.", "max_copy_rate: 0.1")
    assert project.planned("all") == AFTER_FILTER


def test_a_matching_threshold_reruns_refinement_but_no_training_of_generators(project):
    edit(project.folder / "config" / "config.yaml", "match_threshold: 0.", "match_threshold: 0.1")
    planned = project.planned("all")
    assert {"refine_shard", "generate_refiner", "score_shard", "filter_dataset"} <= planned
    assert not planned & {"pretrain_refiner", "draw_initial", "draw_views", "write_world"}


def test_an_inference_value_of_toffeenet_trains_nothing(project):
    edit(project.folder / "config" / "config.yaml", "subject_scale: 1.0", "subject_scale: 2.0")
    assert project.planned("all") == {
        "generate_benchmark",
        "score_dreambench",
        "tabulate_dreambench",
        "plot_toffeenet",
        "write_report",
    }


def test_a_comment_in_a_module_reruns_nothing(project):
    path = project.folder / "workflow" / "toffee" / "synthesis" / "filter.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert project.planned("all") == set()


def test_an_edit_of_a_module_reruns_the_rules_that_import_it(project):
    path = project.folder / "workflow" / "toffee" / "synthesis" / "filter.py"
    path.write_text(path.read_text() + "\nUNUSED = 1\n")
    planned = project.planned("all")
    assert "filter_dataset" in planned
    assert not planned & {"draw_initial", "refine_shard", "pretrain_refiner", "write_world"}


def test_a_retrained_zoo_model_is_fetched_again_and_no_other(project):
    zoo = project.folder / "workflow" / "zoo"
    path = zoo / "metric_clip" / "config.json"
    path.write_text('{"role": "metric_clip", "better": true}')
    manifest = json.loads((zoo / "manifest.json").read_text())
    entry = manifest["parts"]["metric_clip"]["files"]["config.json"]
    entry.update(sha256=file_digest(path), size=path.stat().st_size)
    (zoo / "manifest.json").write_text(json.dumps(manifest))
    planned = project.planned("all")
    assert "download_model" in planned
    assert {rule for rule in planned if not rule.startswith(("score_", "tabulate_", "plot_"))} == {
        "download_model",
        "write_report",
    }


def test_a_lost_table_is_remade_from_its_scores(project):
    (project.folder / "results" / "tiny" / "tables" / "views.csv").unlink()
    assert project.planned("tables") == {"tabulate_views"}


@pytest.mark.parametrize(
    "name",
    ["dreambench", "variants", "reconstruction", "segmentation", "strength", "editing", "dataset"],
)
def test_a_lost_table_reruns_nothing_else(project, name):
    (project.folder / "results" / "tiny" / "tables" / f"{name}.csv").unlink()
    assert project.planned(name, "tables") == {f"tabulate_{name}"}


def test_a_lost_table_of_costs_is_remade_with_its_figure(project):
    (project.folder / "results" / "tiny" / "tables" / "cost.csv").unlink()
    assert project.planned("tables", "figures") == {"tabulate_cost", "plot_cost"}


def test_the_demo_draws_nothing_that_the_tables_have(project):
    planned = project.planned("all", "--configfile", "config/demo.yaml")
    assert planned == {"tabulate_dreambench", "write_report"}


def test_a_new_variant_trains_one_model(project):
    config = project.folder / "config" / "config.yaml"
    edit(config, "  p_0_3: ", "  p_0_5: {reconstruction: 0.5}\n  p_0_3: ")
    done = project.run("reconstruction", "--dry-run")
    planned = re.findall(r"^rule (\w+):", done.stdout + done.stderr, re.M)
    assert planned.count("train_toffeenet") == 1
    assert planned.count("generate_benchmark") == planned.count("score_dreambench") == 3
    assert project.planned("variants", "segmentation", "dreambench") == set()


def test_a_value_of_strength_redraws_the_sweep_alone(project):
    edit(project.folder / "config" / "config.yaml", "1.5, 2.0]", "1.5, 2.5]")
    assert project.planned("tables", "figures") == {
        "generate_benchmark",
        "score_dreambench",
        "tabulate_strength",
        "plot_strength",
    }


def test_steps_of_the_fine_tuning_rerun_what_compares_with_it(project):
    config = project.folder / "config" / "config.yaml"
    edit(config, "  steps: 400  # optimizer steps; twice", "  steps: 401  # the best")
    assert project.planned("all", "tables", "figures") == {
        "generate_dreambooth",
        "filter_dreambooth",
        "score_dreambench",
        "tabulate_dreambench",
        "tabulate_cost",
        "plot_cost",
        "write_report",
    }


def test_one_more_generation_seed_draws_that_seed_alone(project):
    edit(project.folder / "config" / "config.yaml", "images_per_prompt: 3", "images_per_prompt: 4")
    done = project.run("strength", "reconstruction", "--dry-run")
    drawn = set(re.findall(r"dreambench/(\w+)/(\d)\.h5\n *log", done.stdout + done.stderr))
    assert drawn == {(name, "3") for name in ("strength", "toffeenet", "p_0", "p_0_3")}


def test_another_scale_has_its_own_results(project):
    shutil.copytree(project.folder / "results" / "tiny" / "world", project.folder / "data")
    for name in ("mvimgnet", "mvimgnet_heldout", "dreambooth"):
        (project.folder / "data" / name).mkdir()
    planned = project.planned(
        "all", "--configfile", "config/paper.yaml", "--config", "synthesis={shards: 3}"
    )
    assert "write_world" not in planned and "tabulate_base" not in planned
    assert {"download_model", "score_shard", "train_toffeenet"} <= planned
