"""What a rule asks of a cluster, before anything is submitted."""

from types import SimpleNamespace

import pytest

from toffee.launch import prepare
from toffee.launch.adopt import ONLY_PLANNING
from toffee.launch.prepare import check_runtimes, digest_when_planned, signal_lead
from toffee.provenance.code import code_digest


@pytest.mark.parametrize(
    ("extra", "lead"),
    [
        ("'--signal=TERM@120'", 120),
        ("'--signal=TERM@300 --nice=100'", 300),
        ("--nice=1 --signal=B:USR1@90", 90),
        ("--signal TERM@30", 30),
        ("'--signal=TERM'", 60),  # what sbatch takes
        ("--nice=100", None),
        ("", None),
    ],
)
def test_the_lead_of_the_signal(extra, lead):
    assert signal_lead(extra) == lead


def rule(name, **asked):
    def expand_resources(wildcards, inputs, attempt, skip_evaluation):
        assert attempt == 1
        return asked

    return SimpleNamespace(
        name=name, params={"function": "f"}, resources=asked, expand_resources=expand_resources
    )


def test_a_runtime_within_the_lead_is_one_line(capsys):
    signal = "'--signal=TERM@120'"
    fine = [rule("a", runtime=3, slurm_extra=signal), rule("b", runtime=1), rule("c")]
    check_runtimes(fine)
    with pytest.raises(SystemExit):
        check_runtimes([*fine, rule("draw_views", runtime=2, slurm_extra=signal)])
    said = capsys.readouterr().err
    assert said.startswith("error: rule draw_views: its runtime of 2 min (set-resources: draw_vi")
    assert "120 s" in said and said.count("\n") == 1


def test_code_is_digested_for_planned_jobs_alone(monkeypatch):
    """Most processes plan few rules: those of jobs one, and a dry run of a target some."""
    digested = []

    def digest(function):
        digested.append(function)
        return code_digest(function)

    monkeypatch.setattr(prepare, "code_digest", digest)
    names = "toffee.synthesis.plan.plan_shard", "toffee.synthesis.scores.score_shard"
    first, second = map(digest_when_planned, names)
    assert not digested
    assert first({}) == code_digest(names[0]) != second({})
    monkeypatch.setenv(ONLY_PLANNING, "1")
    assert first({}) == "" and digested == list(names)
