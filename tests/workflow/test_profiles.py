"""The profiles slurm and local: every rule is in them, and a site's values are laid over ours."""

import re
from pathlib import Path

import pytest
import yaml

from toffee.launch import profiles
from toffee.launch.profiles import laid_over, model_set, resources_of
from toffee.provenance.code import rule_functions

from .conftest import ROOT

SETS = ("tiny", "small", "paper", "turbo")
NEEDS_A_GPU = ("pretrain_refiner", "draw_initial", "synthesize_shard", "score_dreambench")
NEEDS_NONE = ("filter_dataset", "tabulate_dreambench", "download_model", "write_site")


def rules_with_jobs() -> set[str]:
    """Rules that make something; the others only name targets."""
    return set(rule_functions())


@pytest.mark.parametrize("name", SETS)
def test_every_rule_has_its_resources_and_no_other_name_has(name):
    content, rules = resources_of(name), rules_with_jobs()
    assert len(rules) > 50
    assert set(content["set-resources"]) == rules
    assert set(content.get("set-threads", {})) <= rules
    for rule, values in content["set-resources"].items():
        # More of both with each submission.
        assert all("* attempt" in values[key] for key in ("mem_mb", "runtime")), rule


def test_groups_of_the_slurm_profile_are_rules():
    content = yaml.safe_load((ROOT / "profiles" / "slurm" / "groups.yaml").read_text())
    assert set(content["groups"]) == set(content["set-resources"]) < rules_with_jobs()


def test_no_rule_names_a_partition():
    for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]:
        assert "partition" not in path.read_text(), path


@pytest.mark.parametrize("name", ["slurm", "local", "kubernetes"])
def test_the_profiles_stand_at_the_root_too(name):
    assert (ROOT / name / "config.yaml").samefile(ROOT / "profiles" / name / "config.yaml")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "tiny"),
        (["--config", "scale=paper", "--", "all"], "turbo"),
        (["--configfile", "config/small.yaml"], "small"),
        (["--configfile", "config/demo.yaml"], "tiny"),
        (["--configfile", "config/small.yaml", "mine.yaml"], "small"),
        (["--configfile", "nowhere.yaml"], "tiny"),
        (["--config", "models={set: paper}"], "paper"),
    ],
)
def test_the_set_of_models_is_read_off_the_command_line(arguments, expected, monkeypatch, tmp_path):
    for name in ("small", "demo"):
        (tmp_path / "config").mkdir(exist_ok=True)
        content = (ROOT / "config" / f"{name}.yaml").read_text()
        (tmp_path / "config" / f"{name}.yaml").write_text(content)
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    monkeypatch.chdir(tmp_path)
    assert model_set(["snakemake", *arguments]) == expected


def test_a_sites_entries_replace_ours_one_by_one():
    ours = {
        "jobs": 100,
        "default-resources": {"mem_mb": 1, "runtime": 2},
        "set-resources": {"a": {"gpu": 1, "mem_mb": 3}, "b": {"gpu": 1}},
    }
    site = {
        "jobs": 5,
        "slurm-qos": "long",
        "default-resources": {"slurm_partition": "p"},
        "set-resources": {"a": {"mem_mb": 9}},
    }
    assert laid_over(ours, site) == {
        "jobs": 5,
        "slurm-qos": "long",
        "default-resources": {"mem_mb": 1, "runtime": 2, "slurm_partition": "p"},
        "set-resources": {"a": {"gpu": 1, "mem_mb": 9}, "b": {"gpu": 1}},
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a list\n", "{site}: expected a mapping of settings"),
        (
            "default-resources: [slurm_account=x]\n",
            "site.yaml, default-resources: expected NAME: VALUE",
        ),
        ("configfile: x.yaml\n", "{site}, configfile: give it on the command line"),
    ],
)
def test_what_a_sites_file_cannot_say_is_one_line(text, line, monkeypatch, tmp_path, capsys):
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "tiny.yaml").write_text("default-resources: {a: 1}\n")
    (tmp_path / "slurm").mkdir()
    site = tmp_path / "slurm" / "site.yaml"
    site.write_text(text)
    monkeypatch.setattr(profiles, "PROFILES", tmp_path)
    monkeypatch.setattr("sys.argv", ["snakemake"])
    with pytest.raises(SystemExit):
        profiles.settings("slurm")
    said = capsys.readouterr().err
    assert said.startswith(f"error: {line.format(site=site)}") and said.count("\n") == 1


@pytest.fixture(scope="module")
def paper_plan(fresh) -> dict[str, str]:
    """Rule → the resources that the paper scale's dry run says it asks for, with one job for each
    shard and, as far as the shard, with one for each of its stages."""
    targets = ("all", "tables", "figures", "dreambooth", "scaling", "site", "crate", "audit", "zoo")
    said = ""
    for one_job, wanted in (
        ("true", targets),
        ("false", ["results/paper/dataset/shards/00000.h5"]),
    ):
        done = fresh.run(
            "--profile", "profiles/slurm", "--dry-run", "--configfile", "config/paper.yaml",
            "--config", f"synthesis={{shards: 1, one_job: {one_job}}}", "--", *wanted,
        )  # fmt: skip
        said += done.stdout
    plan: dict[str, str] = {}
    for line in said.splitlines():  # a group's jobs are indented
        if named := re.fullmatch(r" *(?:local)?rule (\w+):", line):
            rule = named[1]
        elif "    resources: " in line:
            plan[rule] = line
    return plan


def test_the_dry_run_at_paper_scale_names_what_every_rule_asks_for(paper_plan):
    # What is made of the procedural world is no part of this scale.
    absent = {"write_subjects", "write_multiview", "write_heldout", "write_benchmark"}
    absent |= {"generate_base", "score_base", "tabulate_base"}
    absent |= {"import_subjects"}  # they are drawn
    absent |= {"import_pictures", "export_folder", "export_imagenhub"}  # only where asked for
    absent |= {"export_shard", "export_dataset"}
    assert rules_with_jobs() - set(paper_plan) == absent
    for rule in rules_with_jobs() - absent:
        line = paper_plan[rule]
        wanted = resources_of("paper")["set-resources"][rule]
        memory = int(str(wanted["mem_mb"]).split()[0])
        runtime = int(str(wanted["runtime"]).split()[0])
        said = dict(re.findall(r"(\w+)=(\w+)", line))
        assert (said["mem_mb"], said["runtime"]) == (str(memory), str(runtime)), rule
        assert said.get("gpu") == (str(wanted["gpu"]) if "gpu" in wanted else None), rule
        assert "--signal=TERM@" in line


def test_only_what_computes_on_a_gpu_asks_for_one(paper_plan):
    assert all("gpu=" in paper_plan[rule] for rule in NEEDS_A_GPU)
    assert not any("gpu=" in paper_plan.get(rule, "") for rule in NEEDS_NONE)


def test_examples_for_a_site_are_yaml_with_and_without_their_comments():
    for path in Path(ROOT, "profiles", "slurm").glob("*.example.yaml"):
        text = path.read_text()
        assert yaml.safe_load(text)
        optional = re.sub(r"^( *)# (?=[\w-]+: *\S|[a-z-]+:$|  \w)", r"\1", text, flags=re.M)
        assert len(yaml.safe_load(optional)) >= len(yaml.safe_load(text))


def test_the_example_of_two_nodes_is_what_sbatch_takes():
    """The plugin would turn tasks into tasks a GPU, which no node has."""
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command

    text = (ROOT / "profiles" / "slurm" / "site.example.yaml").read_text()
    (line,) = re.findall(r"^# +(train_toffeenet: .*)$", text, re.M)

    class Resources(dict):
        __getattr__ = dict.__getitem__

    class Job:
        resources = yaml.safe_load(line)["train_toffeenet"] | {"mem_mb": 1000, "runtime": 60}
        resources = Resources(resources)
        threads = 64

    params = dict.fromkeys(("slurm_logfile", "comment_str", "account", "partition", "workdir"), "")
    command = get_submit_command(Job, {"run_uuid": "x", **params})
    assert "--nodes=2" in command and "--ntasks=2" in command
    assert "--ntasks-per-gpu" not in command
