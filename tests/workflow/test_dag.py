"""The shape of the DAG: which jobs stand between which files."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from toffee.provenance.code import rule_functions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def graph(finished):
    """Job → the jobs that it needs; a job is its rule's name and its wildcards."""
    return graph_of(finished, "all", "tables", "figures")


def graph_of(project, *targets):
    dot = project.run("--dag", "dot", "--forceall", *targets).stdout
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
        assert users and users
        # Fine-tuning is compared by its number of steps, and chosen by nobody but the reader.
        assert all(user.startswith("score_") for user in users - {"all", "tune_dreambooth"}), users
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


def test_the_gate_stands_before_tables_of_the_benchmark_and_waits_for_photos_alone(graph):
    for name in (
        "dreambench",
        "variants",
        "reconstruction",
        "segmentation",
        "reference",
        "strength",
    ):
        assert "check_oracle" in graph[f"tabulate_{name}"], name
    rules = {job.split()[0] for job in ancestors(graph, "check_oracle")}
    assert rules == {"download_model", "write_benchmark", "score_oracle"}


def test_variants_share_the_data(graph):
    nets = trainings(graph)
    assert len(nets) == 2 * 9  # config evaluation.trainings
    assert len({frozenset(graph[net]) for net in nets}) == 1


def test_scaling_appends_shards_and_shares_those_of_the_dataset(finished):
    graph = graph_of(finished, "scaling")
    assert len([job for job in graph if job.startswith("plan_shard")]) == 8
    own, more = (graph[f"train_toffeenet net=variants/{n}"] for n in ("pairs_quarter", "pairs_4-1"))
    assert "filter_dataset" in own and "filter_more times=4" in more
    tuned = [job for job in graph if job.startswith("generate_dreambooth")]
    steps = {re.search(r"tuned=(\S+)", job)[1] for job in tuned}
    assert steps == {
        f"{method}{number}"
        for method in ("dreambooth", "dreambooth_one_photo")
        for number in ("", "-100-steps", "-200-steps")  # 400 is the configuration's
    }


def test_fine_tuning_sees_nothing_that_was_synthesized(graph):
    above = ancestors(graph, job_of(graph, "generate_dreambooth", tuned="dreambooth", group=0))
    assert {job.split()[0] for job in above} == {"download_model", "write_benchmark"}


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
    tables += [
        "variants",
        "reconstruction",
        "segmentation",
        "reference",
        "strength",
        "editing",
        "cost",
    ]
    figures = ["pipeline", "refiner", "views", "editing", "toffeenet", "worst", "dataset"]
    figures += ["strength", "edits", "learning", "cost"]
    results = finished.folder / "results" / "tiny"
    for name in tables:
        assert (results / "tables" / f"{name}.csv").is_file()
        assert (results / "tables" / f"{name}.md").is_file()
    for name in figures:
        assert (results / "figures" / f"{name}.png").is_file()
    shown = finished.run("--list-target-rules").stdout.split()
    steps = ["all", "models", "world", "train", "evaluate", "tables", "figures", "report", "zoo"]
    assert set(shown) >= {*tables, *figures, *steps}


def test_rules_and_their_functions_have_the_same_names():
    """But where two rules share a function, and where a rule is a target too."""
    shared = {"import_heldout": "import_multiview", "write_heldout": "write_multiview"}
    shared |= {"filter_more": "filter_dataset", "encode_more": "encode_pairs"}
    shared["audit"] = "require_clean"
    for rule, function in rule_functions(ROOT).items():
        assert function.rpartition(".")[2] == shared.get(rule, rule)


def rule_bodies():
    """(rule, body) of every rule that calls a function."""
    texts = [path.read_text() for path in (ROOT / "rules").glob("*.smk")]
    bodies = [body for text in texts for body in re.split(r"^rule ", text, flags=re.M)[1:]]
    return [(body.partition(":")[0], body) for body in bodies if "    script:" in body]


def params_of(body):
    return re.search(r"^    params:\n(.*?)^    script:", body, re.M | re.S)[1]


def test_every_script_is_the_runner():
    bodies = dict(rule_bodies())
    used = {"filter_more", "encode_more"}  # another rule with other files
    assert bodies.keys() == rule_functions(ROOT).keys() - used
    for rule, body in bodies.items():
        assert body.rstrip().endswith('script:\n        "../workflow/run.py"') or (
            'script:\n        "../workflow/run.py"\n' in body
        ), rule


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            "subjects_root=data_root",
            "subjects_dir=data_root",
            "error: rule draw_initial, function toffee.synthesis.initial.draw_initial: no argument "
            "for param subjects_dir, expected one of: plan, subjects_root, models",
        ),
        (
            "seed=CONFIG.seed",
            "seed=str(CONFIG.scale)",
            "error: rule draw_initial, function toffee.synthesis.initial.draw_initial: param seed: "
            "got 'tiny', Input should be a valid integer",
        ),
        (
            '        controlnet_depth=model("controlnet_depth"),\n',
            "",
            "error: rule draw_initial, function toffee.synthesis.initial.draw_initial: argument "
            "models needs an input controlnet_depth",
        ),
    ],
    ids=["name", "type", "missing"],
)
def test_a_rule_that_does_not_fit_its_function_is_one_line(fresh, tmp_path, before, after, line):
    project = fresh.copy(tmp_path / "project")
    path = project.folder / "rules" / "synthesize.smk"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    done = project.run("--dry-run", check=False)
    assert done.returncode == 1
    (found,) = [text for text in done.stderr.splitlines() if text.startswith("error: ")]
    assert found.startswith(line)


def test_a_file_of_the_repository_counts_by_its_content():
    """Its digest is a param of every rule that reads it."""
    read = r"=((?:PROMPTS|REFERENCES|PUBLISHED)\S*),$"
    seen = set()
    for rule, body in rule_bodies():
        files = set(re.findall(read, body, re.M))
        assert files == set(re.findall(r"_digest=digest_of\((.*)\),$", body, re.M)), rule
        assert "project(" not in body
        seen |= files
    assert len(seen) == 5


def test_parts_of_the_zoo_wait_for_what_they_are_trained_on(finished):
    from toffee_zoo.recipes import recipes

    dot = finished.run("zoo", "--dag", "dot", "--forceall").stdout
    part = dict(re.findall(r'(\d+)\[label = "train_zoo_part\\npart: (\w+)"', dot))
    edges = {
        (part[then], part[first])
        for first, then in re.findall(r"(\d+) -> (\d+)", dot)
        if first in part and then in part
    }
    assert edges == {(name, need) for name, recipe in recipes().items() for need in recipe.needs}
    assert set(part.values()) == set(recipes())


def test_snakemakes_report_shows_the_code_of_a_rule(finished):
    out = finished.folder / "report.html"
    finished.run("--report", out.name, "tables")
    # a function of its module, which nothing else in the report names
    assert "thresholds_of" in out.read_text(encoding="utf-8")
