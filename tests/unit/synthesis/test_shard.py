"""A shard in one job: what its stages are handed, and where it stops. The files that it makes are
compared with those of the stages' own jobs in tests/workflow/test_chain.py."""

import os
import signal
from pathlib import Path

import pytest

from toffee.config.settings import Drawing, Matching, Refining, Sampling
from toffee.models.folders import InitialModels, RefinerModels, SegmenterModels, ViewModels
from toffee.models.loaded import loaded
from toffee.runtime.files import KEEP_JOURNALS
from toffee.runtime.signals import Interrupted, raise_on_sigterm
from toffee.synthesis import shard

STAGES = ("draw_initial", "refine_shard", "draw_views", "make_edits", "score_shard")
GIVEN = {
    **{name: name for name in ("plan", "prompts", "subjects_root", "multiview_root", "clip")},
    **{name: f"{name}.h5" for name in ("initial", "refined", "views", "edits", "out")},
    "base_models": InitialModels("controlnet", "depth"),
    "refiner_models": RefinerModels("refiner", "base", "encoder"),
    "view_models": ViewModels("views", "base", "encoder", "depth"),
    "segmenters": SegmenterModels("segmenter"),
    "drawing": Drawing(64, 8, 95),
    "sampling": Sampling(2, 1.0),
    "view_sampling": Sampling(3, 1.0),
    "refining": Refining(Matching("cosine", 0.5, 0.0), 0.9, True, Sampling(2, 1.0)),
    "edit_strength": 0.9,
    "seed": 0,
}


@pytest.fixture
def calls(monkeypatch):
    """The stages that ran: name → what each was handed, and what was so while it ran."""
    made: dict[str, dict] = {}

    def stand_in(name):
        def stage(**given):
            model = loaded(list, "some folder")
            made[name] = given | {"kept": KEEP_JOURNALS in os.environ, "model": model}

        return stage

    for name in STAGES:
        monkeypatch.setattr(shard, name, stand_in(name))
    monkeypatch.setattr(shard, "_code", lambda stage: "code")
    monkeypatch.delenv(KEEP_JOURNALS, raising=False)
    return made


def test_each_stage_has_the_file_of_the_one_before(calls):
    shard.synthesize_shard(**GIVEN)
    assert tuple(calls) == STAGES
    files = [calls[name]["out"] for name in STAGES]
    assert files == ["initial.h5", "refined.h5", "views.h5", "edits.h5", "out.h5"]
    assert calls["refine_shard"]["initial"] == "initial.h5"
    assert calls["make_edits"]["refined"] == "refined.h5"
    read = calls["score_shard"]
    assert [read[name] for name in ("refined", "views", "edits")] == files[1:4]
    # No other model draws: the base model itself does. Views have their own sampling.
    assert calls["draw_initial"]["models"].drawer == "base"
    assert [calls[n]["sampling"].steps for n in ("draw_initial", "draw_views", "make_edits")] == [
        *(2, 3, 2)
    ]
    other = InitialModels("controlnet", "depth", "few steps")
    shard.synthesize_shard(**GIVEN | {"base_models": other})
    assert calls["make_edits"]["models"].drawer == "few steps"


def test_models_are_shared_and_journals_stay_until_the_shard_is_scored(calls):
    shard.synthesize_shard(**GIVEN)
    assert len({id(call["model"]) for call in calls.values()}) == 1
    assert [calls[name]["kept"] for name in STAGES] == [True] * 4 + [False]
    assert KEEP_JOURNALS not in os.environ


@pytest.mark.parametrize("last", STAGES[:-1])
def test_a_signal_in_a_stage_starts_no_other(calls, monkeypatch, last):
    stage = getattr(shard, last)

    def signalled(**given):
        stage(**given)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(shard, last, signalled)
    kept = "the finished stages of the shard are kept"
    with pytest.raises(Interrupted, match=kept), raise_on_sigterm():
        shard.synthesize_shard(**GIVEN)
    assert tuple(calls) == STAGES[: STAGES.index(last) + 1]


def test_the_code_of_a_stage_is_that_of_its_rule():
    from toffee.provenance.code import code_digest, rule_functions

    functions = rule_functions(Path(__file__).parents[3])
    for name in STAGES:
        assert shard._code(getattr(shard, name)) == code_digest(functions[name])
