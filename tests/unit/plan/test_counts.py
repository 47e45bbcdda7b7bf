"""What is counted while Snakemake plans is all that a whole run needs, and the same as later."""

import os
import signal
from contextlib import suppress

import pytest

from toffee.config.variants import BASE
from toffee.launch.dag import Job
from toffee.plan.costs import Costs
from toffee.plan.counts import Counts
from toffee.plan.memory import Memory, Peaks
from toffee.plan.sizes import Sizes
from toffee.plan.work import Work
from toffee.provenance.code import rule_functions
from toffee.runtime.errors import ToffeeError
from toffee.runtime.signals import Interrupted, raise_on_sigterm

from .conftest import ROOT, architectures, config_of

ALONE = {"generate_base", "encode_more", "tune_dreambooth"}
"""Rules that no target all, tables or dreambooth has, or that have one job, of tuning steps."""


def jobs_of(config) -> list[Job]:
    """A job of each rule that uses networks, by method and net; not in the order of the guesses."""
    methods = [*config.evaluation.methods, *config.variants, "strength"]
    jobs = []
    for rule in sorted(vars(Memory).keys() & rule_functions().keys() - ALONE):
        for name in sorted(methods):
            if rule not in ("train_toffeenet", "generate_edits") or name in [
                BASE,
                *config.variants,
            ]:
                wildcards = {"method": name, "net": name, "tuned": "dreambooth"}
                drawn = rule != "generate_benchmark" or not name.startswith("dreambooth")
                jobs += [Job(rule, wildcards, {}, {}, {}, "", True)] if drawn else []
    return jobs


def taken(counts: Counts, jobs: list[Job]) -> list[object]:
    work = Work(counts.config, counts.costs, Sizes(counts.config, [], ROOT))
    return [(work.by_precision(job), counts.memory.needed(job)) for job in jobs]


def no_count(*given):
    raise AssertionError("counted after the jobs were there")


def test_nothing_is_left_to_count_when_the_jobs_are_there(monkeypatch):
    config = config_of("paper.yaml")
    counts = Counts(architectures(config.models.set), config)
    counts.count_ahead(ROOT, lambda: False)
    for kind in (Costs, Peaks):
        monkeypatch.setattr(kind, "count", no_count)
    assert all(needed for _, needed in taken(counts, jobs_of(config)))
    built = dict(counts.models._built)
    assert all(counts.models.parameters(role) for role in counts.models.sources)
    assert counts.models._built == built


def test_what_was_counted_ahead_is_what_is_counted_later():
    config = config_of({"training": {"checkpointing": True}, "compute": {"dtype": "bfloat16"}})
    jobs = jobs_of(config)
    ahead, later = (Counts(architectures("tiny"), config) for _ in range(2))
    ahead.count_ahead(ROOT, lambda: False)
    assert taken(ahead, jobs) == taken(later, jobs)


def test_counting_ahead_ends_when_the_jobs_are_there(monkeypatch):
    config, counted = config_of(), []
    monkeypatch.setattr(Memory, "needed", lambda self, job: counted.append(job.rule))
    monkeypatch.setattr(Work, "by_precision", lambda self, job: None)
    Counts(architectures("tiny"), config).count_ahead(ROOT, lambda: len(counted) == 2)
    assert counted == ["train_toffeenet"] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_a_library_swallows_ends_it_at_the_next_job(monkeypatch, number):
    config, counted = config_of(), []

    def needed(self, job):
        counted.append(job.rule)
        with suppress(BaseException):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Memory, "needed", needed)
    monkeypatch.setattr(Work, "by_precision", lambda self, job: None)
    with pytest.raises(Interrupted), raise_on_sigterm():
        Counts(architectures("tiny"), config).count_ahead(ROOT, lambda: False)
    assert len(counted) == 1


def test_an_architecture_that_is_not_known_is_said_of_jobs_that_need_it():
    config = config_of("paper.yaml")
    models = architectures(config.models.set)
    models._built_in.clear()
    counts = Counts(models, config)
    counts.count_ahead(ROOT, lambda: False)
    with pytest.raises(ToffeeError, match="is not known before it is downloaded"):
        _ = counts.costs
