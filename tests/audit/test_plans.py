"""When Snakemake plans for an audit, and what an audit says where it cannot."""

import json
import os

import pytest

from toffee.audit import plans
from toffee.audit.run import audit
from toffee.provenance.kept import keep
from toffee.runtime.errors import ToffeeError

from .test_faults import audited
from .test_values import of


@pytest.fixture
def planned(monkeypatch):
    """What Snakemake was asked to plan: the values of each command line."""
    given, plan = [], plans.plan_of

    def asked(project, run, zoo):
        given.append(run["config"])
        return plan(project, run, zoo)

    monkeypatch.setattr(plans, "plan_of", asked)
    return given


def second_run(run) -> None:
    """Give the first job a command line of its own."""
    command = json.dumps({"command": ["snakemake"], "config": {"a": 1}, "configfiles": []})
    name = keep(command, run.folder)
    run.forge(of("download_model")(lambda content: content.update(run=name)))


def test_each_run_is_planned_once(run, planned):
    second_run(run)
    audited(run)
    assert planned == [{}, {"a": 1}]


@pytest.mark.parametrize("tier", ["schema", "bytes"])
def test_the_tiers_before_need_no_plan(run, planned, tier):
    assert audit(run.folder, tier) == []
    assert planned == []


def test_after_an_error_no_further_run_is_planned(run, planned, monkeypatch):
    def fail(*_):
        raise ToffeeError("no such key")

    second_run(run)
    monkeypatch.setattr("toffee.audit.run.check_schema", fail)
    with pytest.raises(ToffeeError, match="no such key"):
        audit(run.folder)
    assert planned == [{}]


def test_a_run_that_cannot_be_planned_is_a_finding_and_the_others_are_compared(run, monkeypatch):
    plan = plans.plan_of

    def asked(project, given, zoo):
        if given["config"]:
            raise ToffeeError("unknown config key a")
        return plan(project, given, zoo)

    monkeypatch.setattr(plans, "plan_of", asked)
    second_run(run)
    run.forge(of("score_shard")(lambda content: content["params"].update(seed=7)))
    found = audited(run)
    (unplanned,) = [f for f in found if f.expected == "a configuration that Snakemake plans"]
    assert unplanned.found == "unknown config key a"
    assert any("seed = 0, as planned" in f.expected and f.found == "7" for f in found)


def test_a_configuration_that_names_a_pipe_is_not_planned(run, planned):
    os.mkfifo(run.project / "pipe")
    values = {"command": ["snakemake"], "config": {"data": {"texts": "pipe"}}, "configfiles": []}
    name = keep(json.dumps(values), run.folder)
    run.forge(of("download_model")(lambda content: content.update(run=name)))
    assert any("found a device or pipe" in finding.found for finding in audited(run))
    assert planned == [{}]


def test_drawings_need_no_plan(run, planned, monkeypatch):
    monkeypatch.setattr(plans, "drawn_alone", lambda results: True)
    assert plans.plan_newest(plans.Results(run.folder, run.project)) is None
    assert planned == []
