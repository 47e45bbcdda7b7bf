"""The shape of the DAG: which jobs stand between which files."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def graph(finished):
    """Job → the jobs that it needs; a job is its rule's name and its wildcards."""
    dot = finished.run("--dag", "dot", "--forceall", "all", "tables", "figures").stdout
    names = {
        number: label.replace("\\n", " ").replace(": ", "=")
        for number, label in re.findall(r'(\d+)\[label = "([^"]*)"', dot)
    }
    needs = defaultdict(set)
    for first, then in re.findall(r"(\d+) -> (\d+)", dot):
        needs[names[then]].add(names[first])
    return needs


def ancestors(graph, job):
    @cache
    def above(name):
        return frozenset(graph[name]).union(*(above(other) for other in graph[name]))

    return above(job)


def trainings(graph):
    return [job for job in graph if job.startswith("train_toffeenet")]


def job_of(graph, rule, **wildcards):
    """The job of a rule with these wildcards, in whatever order its label has them."""
    wanted = {f"{name}={value}" for name, value in wildcards.items()}
    (job,) = [
        name for name in graph if name.split()[0] == rule and set(name.split(" ")[1:]) == wanted
    ]
    return job


def test_metric_encoders_condition_and_filter_nothing(graph):
    for role in ("metric_dino", "metric_clip"):
        users = {job.split()[0] for job in graph if f"download_model role={role}" in graph[job]}
        assert users and all(user.startswith("score_") for user in users - {"all"}), users
        for net in trainings(graph):
            assert f"download_model role={role}" not in ancestors(graph, net)


def test_held_out_data_and_evaluation_reach_no_training(graph):
    for trained in ("pretrain_refiner", "pretrain_view_generator", *trainings(graph)):
        rules = {job.split()[0] for job in ancestors(graph, trained)}
        assert not [rule for rule in rules if rule.startswith(("generate_", "tabulate_"))]
        assert "score_dataset" not in rules


def test_the_text_only_model_does_not_wait_for_toffeenet(graph):
    def needs(method):
        return ancestors(graph, job_of(graph, "generate_benchmark", method=method, draw=0))

    net = "train_toffeenet net=toffeenet"
    for method in ("text_only", "initial"):
        assert not {job for job in needs(method) if "train_toffeenet" in job}
    for method in ("toffeenet", "wrong_subject", "strength"):
        assert {job for job in needs(method) if "train_toffeenet" in job} == {net}
    other = "train_toffeenet net=variants/p_0"
    assert {job for job in needs("p_0") if "train_toffeenet" in job} == {other}


def test_variants_share_the_data(graph):
    nets = trainings(graph)
    assert len(nets) == 7
    assert len({frozenset(graph[net]) for net in nets}) == 1


def test_fine_tuning_sees_nothing_that_was_synthesized(graph):
    above = ancestors(graph, job_of(graph, "generate_dreambooth", group=0))
    assert {job.split()[0] for job in above} == {"download_model", "write_world"}


def test_cost_waits_for_the_jobs_whose_seconds_it_reads(graph):
    needed = {job.split()[0] for job in graph["tabulate_cost"]}
    stages = {"list_subjects", "plan_shard", "draw_initial", "refine_shard", "draw_views"}
    stages |= {"make_edits", "score_shard"}
    assert needed >= stages | {"pretrain_refiner", "pretrain_view_generator", "filter_dataset"}
    assert needed >= {"generate_dreambooth", "filter_dreambooth"}
    assert not {job for job in ancestors(graph, "tabulate_cost") if "train_toffeenet" in job}


def test_the_two_generators_are_pretrained_side_by_side(graph):
    assert "pretrain_refiner" not in ancestors(graph, "pretrain_view_generator")
    assert "pretrain_view_generator" not in ancestors(graph, "pretrain_refiner")


def test_shards_do_not_wait_for_each_other(graph):
    for job in ("refine_shard", "score_shard"):
        above = ancestors(graph, f"{job} shard=00000")
        assert not [name for name in above if "shard=00001" in name]


def test_every_target_has_its_files(finished):
    tables = ["base", "refiner", "views", "dreambench", "dataset", "dreambooth"]
    tables += ["variants", "reconstruction", "segmentation", "strength", "editing", "cost"]
    figures = ["pipeline", "refiner", "views", "editing", "toffeenet", "dataset"]
    figures += ["strength", "edits", "cost"]
    results = finished.folder / "results" / "tiny"
    for name in tables:
        assert (results / "tables" / f"{name}.csv").is_file()
        assert (results / "tables" / f"{name}.md").is_file()
    for name in figures:
        assert (results / "figures" / f"{name}.png").is_file()
    shown = finished.run("--list-target-rules").stdout.split()
    steps = ["all", "models", "world", "train", "evaluate", "tables", "figures", "report", "zoo"]
    assert set(shown) >= {*tables, *figures, *steps}


def test_rules_and_scripts_have_the_same_names():
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    for name, script in re.findall(
        r"^rule (\w+):(?:(?!^rule ).)*?scripts/(\w+)\.py", text, re.M | re.S
    ):
        assert name == script
    used = set(re.findall(r"scripts/(\w+)\.py", text))
    assert used == {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    for script in used:
        assert f'code=code_digest("{script}")' in text


def test_adapters_call_functions_that_take_what_they_give():
    """Every keyword of an adapter's call is a parameter of the function, and none is missing."""
    import ast
    import importlib
    import inspect

    for path in sorted((ROOT / "workflow" / "scripts").glob("*.py")):
        tree = ast.parse(path.read_text())
        origin = {
            alias.name: node.module
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module.startswith("toffee.")
            for alias in node.names
        }
        (call,) = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in origin
            and node.func.id != "job"
        ]
        function = getattr(importlib.import_module(origin[call.func.id]), call.func.id)
        assert not call.args, path.name
        given = {word.arg: None for word in call.keywords if word.arg}
        if all(word.arg for word in call.keywords):
            inspect.signature(function).bind(**given)


def test_an_adapter_uses_every_param_and_nothing_undeclared():
    """What a rule depends on and what its script reads are the same leaves."""
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    for body in re.split(r"^rule ", text, flags=re.M)[1:]:
        script = re.search(r"scripts/(\w+)\.py", body)
        if not script:
            continue
        params = re.search(r"^    params:\n(.*?)^    script:", body, re.M | re.S)[1]
        declared = set(re.findall(r"^        (\w+)=", params, re.M)) - {"code", "digests"}
        declared = {name for name in declared if not name.endswith("_digest")}
        source = (ROOT / "workflow" / "scripts" / f"{script[1]}.py").read_text()
        used = set(re.findall(r"snakemake\.params\.(\w+)", source))
        assert used == declared, script[1]
        for section, names in SECTIONS.items():
            whole = f"**CONFIG.{section}.model_dump()" in params
            assert whole == (f"params[{names[1]}] for {names[1]} in {names[0]}" in source)


def test_parts_of_the_zoo_wait_for_what_they_are_trained_on(finished):
    from toffee.zoo.recipes import recipes

    dot = finished.run("zoo", "--dag", "dot", "--forceall").stdout
    part = dict(re.findall(r'(\d+)\[label = "train_zoo_part\\npart: (\w+)"', dot))
    edges = {
        (part[then], part[first])
        for first, then in re.findall(r"(\d+) -> (\d+)", dot)
        if first in part and then in part
    }
    assert edges == {(name, need) for name, recipe in recipes().items() for need in recipe.needs}
    assert set(part.values()) == set(recipes())
