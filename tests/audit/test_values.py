"""What a forger changes everywhere at once, with all digests right, is not what the checkout plans,
or not what other evidence says."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from toffee.audit.compare_with_plan import check_plan
from toffee.audit.notes import Notes
from toffee.provenance.code import COMMANDS
from toffee.provenance.kept import keep
from toffee.provenance.record import config_name
from toffee.provenance.results import Results

from .conftest import INDEX, JOBS, ROOT, SHARD, play
from .test_faults import audited, caught

RECORD = "records/dataset/shards/00000.h5.json"


def of(rule):
    """A change of the records of one rule."""

    def wrap(change):
        return lambda content: change(content) if content["rule"] == rule else None

    return wrap


def test_a_forgery_that_changes_nothing_is_clean(run):
    run.forge(lambda content: None)
    assert audited(run) == []


def test_a_value_that_is_not_planned(run):
    run.forge(of("score_shard")(lambda content: content["params"].update(seed=7)))
    (finding,) = [f for f in audited(run) if "as planned" in f.expected]
    assert (finding.file, finding.found) == (RECORD, "7") and "seed = 0" in finding.expected


def test_the_same_value_of_many_jobs_is_one_finding(run, monkeypatch):
    monkeypatch.chdir(run.project)
    run.forge(lambda content: content["params"].update(threshold=0.5))
    found = [f for f in audited(run) if f.found.startswith("0.5")]
    assert len(found) == len({rule for rule, *_ in JOBS})


def test_a_job_that_calls_itself_a_command_is_compared_with_the_plan(run):
    """Drawings have no plan; a record of theirs among those of jobs is no way around it."""

    def change(content):
        content["params"]["function"] = COMMANDS["draw_pictures"]
        content["rule"] = "draw_pictures"

    run.forge(of("score_shard")(change))
    assert "rule score_shard, as Snakemake plans it" in [one.expected for one in audited(run)]


def test_a_value_of_the_configuration_that_the_checkout_does_not_have(run):
    text = json.dumps({"scale": "tiny", "filter": {"max_copy_rate": 0.999}})
    (run.folder / "records/config" / f"{config_name(text)}.json").write_text(text)
    run.forge(lambda content: content.update(config=config_name(text)))
    for path in (run.folder / "records/config").glob("*.json"):
        if path.stem != config_name(text):
            path.unlink()
    (finding,) = audited(run)
    assert finding.tier == "graph" and "filter.max_copy_rate = none" in finding.expected
    assert finding.found == "0.999"


def test_values_without_the_command_line_that_gave_them(run):
    run.forge(lambda content: content.update(run=None))
    for path in (run.folder / "records/shared").glob("*.json"):
        if "command" in path.read_text():
            path.unlink()
    assert caught(audited(run), "graph", "records/")


def test_values_of_the_command_line_are_planned_and_named(run, monkeypatch):
    given = {
        "command": ["snakemake"],
        "config": {"seed": 3},
        "configfiles": [["mine.yaml", {"a": 1}]],
    }
    name = keep(json.dumps(given), run.folder)
    run.forge(lambda content: content.update(run=name))
    seen = []
    from toffee.audit import plans

    planned = plans.plan_of
    monkeypatch.setattr(plans, "plan_of", lambda *a: seen.append(a[1]) or planned(*a))
    notes = Notes()
    assert list(check_plan(Results(run.folder, run.project), notes)) == []
    assert seen == [given]
    assert any(line.endswith("configuration: a=1; seed=3") for line in notes.lines)


def test_values_of_every_run_are_named(run):
    """The forger lets a later run, with no values of its own, have the last word."""
    given = {"command": [], "config": {"evaluation": {"tolerance": 0.5}}, "configfiles": []}
    name = keep(json.dumps(given), run.folder)
    run.forge(lambda one: one.update(run=name) if one["rule"] != "write_site" else None)
    notes = Notes()
    list(check_plan(Results(run.folder, run.project), notes))
    (line,) = [line for line in notes.lines if line.startswith("values")]
    assert line.endswith("configuration for 5 jobs of an earlier run: evaluation.tolerance=0.5")


@pytest.mark.parametrize("config", [{}, {"seed": 3}])
def test_an_opened_gate_has_a_line_of_its_own(run, config):
    """Even where a file of the checkout's own opened it."""
    values = {"evaluation": {"oracle": {"tolerance": 0.5}, "trainings": 1}}
    (run.project / "mine.yaml").write_text(json.dumps(values))
    given = {"command": [], "config": config, "configfiles": [["mine.yaml", values]]}
    name = keep(json.dumps(given), run.folder)
    run.forge(lambda content: content.update(run=name))
    notes = Notes()
    list(check_plan(Results(run.folder, run.project), notes))
    (line,) = [line for line in notes.lines if "gate" in line]
    assert line.endswith("the configuration's: evaluation.oracle.tolerance=0.5")


@pytest.mark.parametrize(("tolerance", "lines"), [(0.01, 0), (0.5, 1)])
def test_a_scales_own_gate_is_the_configurations(run, tolerance, lines):
    own = {"evaluation": {"oracle": {"dino": 0.774, "tolerance": 0.01}}}
    (run.project / "config").mkdir(exist_ok=True)
    (run.project / "config" / "paper.yaml").write_text(json.dumps(own))
    own["evaluation"]["oracle"]["tolerance"] = tolerance
    given = {"command": [], "config": {}, "configfiles": [["config/paper.yaml", own]]}
    name = keep(json.dumps(given), run.folder)
    run.forge(lambda content: content.update(run=name))
    notes = Notes()
    list(check_plan(Results(run.folder, run.project), notes))
    assert sum("gate" in line for line in notes.lines) == lines


@pytest.mark.parametrize("name", [f"{ROOT}/logs/mine.yaml", "../mine.yaml"])
def test_values_are_not_hidden_behind_the_name_of_a_file_of_the_results(run, name):
    values = {"tolerance": 0.5}
    (run.project / name).parent.mkdir(parents=True, exist_ok=True)
    (run.project / name).write_text(json.dumps(values))
    given = {"command": [], "config": {}, "configfiles": [[name, values]]}
    kept = keep(json.dumps(given), run.folder)
    run.forge(lambda content: content.update(run=kept))
    notes = Notes()
    list(check_plan(Results(run.folder, run.project), notes))
    assert any(line.endswith("configuration: tolerance=0.5") for line in notes.lines)


def test_a_gate_of_another_run_is_not_the_one_that_a_table_was_planned_behind(run, monkeypatch):
    """A job that was run with other values after those that rest on it: each plan has its own."""
    from toffee.audit import plans

    planned = plans.plan_of
    config = {"scale": "tiny", "tolerance": 0.5}
    name = keep(json.dumps({"command": [], "config": config, "configfiles": []}), run.folder)
    text = json.dumps(config)
    keep(text, run.folder, "config")

    def other(project, given, zoo):
        values, jobs = planned(project, given, zoo)
        if not given["config"]:
            return values, jobs
        for job in jobs:
            job.params.update({"tolerance": 0.5} if job.rule == "filter_dataset" else {})
        return config, jobs

    def opened(content):
        content["params"].update(tolerance=0.5)
        content.update(run=name, config=config_name(text))

    from .conftest import planned_job

    jobs = lambda: [planned_job(*one, zoo=run.project / "zoo") for one in JOBS]  # noqa: E731
    planned = lambda *_: ({"scale": "tiny"}, jobs())  # noqa: E731
    monkeypatch.setattr(plans, "plan_of", other)
    run.forge(of("filter_dataset")(opened))
    (finding,) = [f for f in audited(run) if "as planned" in f.expected]
    assert "tolerance = none" in finding.expected and finding.found == "0.5"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"wildcards": {"shard": "00007"}}, "wildcards"),
        ({"threads": 64}, "at most 1 threads"),
        ({"attempt": 3}, "attempt 1"),
        ({"device": "H100"}, "GPU seconds on H100"),
        ({"gpu_seconds": 3.0}, "no GPU seconds"),
        ({"cpu_seconds": 1e6}, "CPU seconds of its threads"),
        ({"device": "H100", "seconds": 100.0, "gpu_seconds": 150.0}, "times a number of GPUs"),
        (
            {"earlier": [{"start": "2020-01-01T00:00:00+00:00", "seconds": 1e9}], "attempt": 2},
            "that ended before",
        ),
        (
            {"earlier": [{"start": "2020-01-01T00:00:00+00:00", "cpu_seconds": 9.0}], "attempt": 2},
            "CPU seconds of its threads",
        ),
        ({"seconds": 7000.0}, "from its start to its end"),
        ({"log": f"{ROOT}/logs/other.log"}, "log "),
        ({"benchmark": f"{ROOT}/benchmarks/other.tsv"}, "benchmark "),
        ({"seed": 5}, "seed 0"),
    ],
)
def test_evidence_that_contradicts_itself(run, change, says):
    run.forge(of("score_shard")(lambda content: content.update(change)))
    found = [f for f in audited(run) if f.tier == "graph" and f.file == RECORD]
    assert any(says in f.expected for f in found), found


def test_times_that_lie_in_the_future(run):
    def later(content):
        for name in ("start", "end"):
            time = datetime.fromisoformat(content[name]).replace(year=2099)
            content[name] = time.isoformat()

    run.forge(later)
    assert all("times before now" in f.expected for f in audited(run)) and audited(run)


@pytest.mark.parametrize(
    ("seconds", "cpu", "log", "good"),
    [
        (1.0, 0.5, 0.5, True),
        (702.0, 0.5, 0.5, False),
        (1.0, 5.4, 0.5, True),
        (1.0, 5.6, 0.5, False),
        (1.0, 1e9, 0.5, False),
        (1.0, 0.5, 700, False),
    ],
)
def test_benchmark_and_log_say_the_same(run, seconds, cpu, log, good):
    for place, text in (
        ("benchmarks/score_shard/00000.tsv", f"s\tcpu_time\n{seconds}\t{cpu}\n"),
        ("logs/score_shard/00000.log", f"score_shard 00000: done in {log} s\n"),
    ):
        path = run.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert (audited(run) == []) is good


@pytest.mark.parametrize("field", ["seconds", "start", "end"])
@pytest.mark.parametrize(("by", "good"), [(0.05, True), (0.2, False)])
def test_near_values_are_found_beyond_what_a_clock_is_wrong_by(run, field, by, good):
    """What a forger can change within each tolerance is on the page of the audit."""

    def moved(content):
        if field == "seconds":
            content["seconds"] += by
        else:
            time = datetime.fromisoformat(content[field])
            content[field] = (time - timedelta(seconds=by if field == "start" else -by)).isoformat()

    run.forge(of("score_shard")(moved))
    assert (audited(run) == []) is good


def test_moved_times_break_the_chain(run):
    """A later start is no leave to have another digest."""

    def moved(content):
        for name in ("start", "end"):
            content[name] = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()

    run.edit(INDEX, moved)
    assert caught(audited(run), "graph", "dataset/index.parquet.json")


def test_a_job_that_ran_again_keeps_the_record_that_others_were_made_after(run, monkeypatch):
    monkeypatch.chdir(run.project)
    run.path(SHARD).unlink()
    play(*JOBS[2])
    (earlier,) = (run.folder / "records/earlier").rglob("*.json")
    assert audited(run) == []
    earlier.unlink()
    assert caught(audited(run), "graph", RECORD)


def test_the_command_line_of_jobs_that_all_ran_again_is_no_unknown_file(run):
    name = keep(json.dumps({"command": ["snakemake", "site"]}), run.folder)
    assert audited(run) == []
    place = run.folder / "records/shared" / f"{name}.json"
    place.write_text(place.read_text().replace("site", "all"))
    assert [one.found for one in audited(run)] == ["an unknown file"]


@pytest.mark.parametrize("text", ["#!/bin/sh", "[]"])
def test_what_no_job_keeps_is_unknown(run, text):
    keep(text, run.folder)
    assert [one.found for one in audited(run)] == ["an unknown file"]


@pytest.mark.parametrize("place", ["sub/{}.json", "{}.sh"])
def test_the_name_of_a_kept_text_excuses_no_other_file(run, place):
    name = keep("{}", run.folder)
    path = run.folder / "records/shared" / place.format(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh")
    assert [one.found for one in audited(run)] == ["an unknown file"]


def test_other_bytes_leave_no_earlier_record(run, monkeypatch):
    monkeypatch.chdir(run.project)
    play(*JOBS[2], text="other")
    assert not list((run.folder / "records/earlier").rglob("*.json"))


def test_a_changed_checkout_and_a_changed_package(run):
    diff = "--- a\n+++ b\n"
    digest = sha256(diff.encode()).hexdigest()
    kept = keep(json.dumps({"sha256": digest, "diff": diff}), run.folder)
    packages = json.loads(next(_packages(run)).read_text()) | {"numpy": ["0.1", None]}
    other = keep(json.dumps(packages), run.folder)

    def changed(content):
        content["git"].update(changed=True, diff=digest, changes=kept)
        content["environment"]["installed"] = other

    run.forge(of("score_shard")(changed))
    said = [str(one) for one in audited(run)]
    assert any(
        f"changes with SHA-256 {digest[:16]}…, records/shared/{kept}.json" in one for one in said
    )
    assert any("expected numpy" in one and one.endswith("found 0.1") for one in said)
    assert len(said) == 2


def _packages(run):
    return (p for p in (run.folder / "records/shared").glob("*.json") if "numpy" in p.read_text())


def test_what_was_checked_is_said_last(run):
    from toffee.audit.run import audit

    notes = Notes()
    audit(run.folder, notes=notes)
    text = "\n".join(notes.lines)
    assert "schema: 6 records, no crate" in text and "files of" in text
    assert "graph: 6 of the 6 jobs" in text and "replay: not checked" in text
