"""The names and values of a rule are the arguments of its function, or one line says why not."""

import gc
import inspect
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from toffee.config.settings import Sampling
from toffee.launch.call import arguments_of, check_rule, load, signature
from toffee.launch.params import grouped, leaves
from toffee.models.folders import SegmenterModels
from toffee.runtime.errors import ToffeeError

DRAW = "toffee.synthesis.initial.draw_initial"
MODELS = ("drawer", "controlnet_depth", "depth_estimator")
GROUPS = {
    "drawing": {"resolution": 64, "batch": 4, "quality": 95},
    "sampling": asdict(Sampling(2, 3.0)),
}
PARAMS = {"function": DRAW, "subjects_root": "subjects", "seed": 0, **GROUPS}


def check(params=(), inputs=("plan", *MODELS), outputs=("out",)):
    check_rule("draw", DRAW, PARAMS | dict(params), inputs, outputs, ["shard"])


def test_a_rule_that_fits_its_function():
    check()
    # Only waited for, only compared with the last run, and not the function's:
    check({"after": 0.5, "prompts_digest": {"a": "b"}, "compute": {}, "code": "0"})
    check({"seed": None})  # a rule that this configuration does not use
    check({"sampling": lambda wildcards: Sampling(2, 3.0)})
    check({"sampling": Sampling(2, 3.0)})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"params": {"size": 64}}, "no argument for param size, expected one of: plan, subjects"),
        ({"inputs": ("plan", "depth", *MODELS)}, "no argument for input depth, expected one of"),
        ({"outputs": ("out", "images")}, "no argument for output images, expected one of"),
        ({"inputs": MODELS}, "the rule has nothing named plan, which it needs"),
        ({"inputs": ("plan", *MODELS[:2])}, "argument models needs an input depth_estimator"),
        ({"params": {"seed": "one"}}, "param seed: got 'one', Input should be a valid integer"),
        ({"params": {"drawing": {"resolution": 64, "batch": 4}}}, "field quality is missing"),
        ({"params": {"sampling": {"step": 2, "guidance": 3.0}}}, "param sampling: no field step"),
        ({"params": {"sampling": 2}}, "expected a value for each of steps, guidance"),
    ],
)
def test_what_does_not_fit_is_one_line(changes, line):
    with pytest.raises(ToffeeError) as found:
        check(**changes)
    text = str(found.value)
    assert text.startswith(f"rule draw, function {DRAW}: ") and line in text and "\n" not in text


def test_a_function_that_is_not_there_is_one_line():
    with pytest.raises(ToffeeError, match="no function draw in toffee.synthesis.initial"):
        check_rule("draw", "toffee.synthesis.initial.draw", {}, [], [], [])
    with pytest.raises(ToffeeError, match="no module toffee.absent"):
        check_rule("draw", "toffee.absent.draw", {}, [], [], [])


def function(
    method: str,
    draw: int,
    segmenters: SegmenterModels,
    sampling: Sampling,
    out: str,
    threads: int,
    config: dict,
    mask: str | None = None,
    quality: int = 95,
) -> None:
    """As a rule's function."""


def job(**changes):
    given = {
        "rule": "draw",
        "input": {"segmenter": "s", "detector": [], "mask": []},
        "output": {"out": "a.h5"},
        "params": {"sampling.steps": 2, "sampling.guidance": 3, "function": "f", "after": 1},
        "wildcards": {"method": "toffeenet", "draw": "3"},
        "threads": 2,
        "config": {"scale": "tiny"},
    }
    return SimpleNamespace(**(given | changes))


def test_the_arguments_of_a_call():
    found = arguments_of(function, job())
    assert found.pop("sampling") == Sampling(2, 3.0)
    segmenters = found.pop("segmenters")
    assert (str(segmenters.segmenter), segmenters.detector) == ("s", None)
    assert found == {
        "method": "toffeenet",
        "draw": 3,
        "out": "a.h5",
        "threads": 2,
        "config": {"scale": "tiny"},
        "mask": None,
    }


def test_a_job_without_a_value_is_one_line():
    with pytest.raises(ToffeeError, match="^rule draw: method: the job has no value for it$"):
        arguments_of(function, job(wildcards={"draw": "3"}))
    with pytest.raises(ToffeeError, match="^rule draw: draw: got 'x', Input should be a valid int"):
        arguments_of(function, job(wildcards={"method": "a", "draw": "x"}))


def test_groups_and_their_leaves():
    leaf = leaves("sampling", Sampling(2, 3.0))
    assert leaf["sampling.steps"] == 2 and leaf["sampling.solver"] == "ddim"
    assert grouped(leaf | {"seed": 1}) == {"sampling": GROUPS["sampling"], "seed": 1}
    assert leaves("seed", 1) == {"seed": 1}


def test_a_group_that_depends_on_wildcards_has_leaves_that_do():
    def of(wildcards):
        return Sampling(int(wildcards), 3.0)

    found = leaves("sampling", of, signature(DRAW)["sampling"].fields)
    assert {name: value("7") for name, value in found.items()} == leaves("sampling", of("7"))
    # Snakemake finds what such a function takes by the names of its arguments.
    assert all(list(inspect.signature(part).parameters) == ["wildcards"] for part in found.values())


def test_imports_of_a_job_collect_no_garbage(monkeypatch):
    collecting = []
    module = SimpleNamespace(draw_initial=check)

    def load_module(name):
        collecting.append(gc.isenabled())
        return module

    monkeypatch.setattr("toffee.launch.call.importlib.import_module", load_module)
    assert load(DRAW) is check
    assert collecting == [False]
    assert gc.isenabled()


def test_garbage_is_collected_again_after_an_import_that_fails(monkeypatch):
    def fail(name):
        raise RuntimeError(name)

    monkeypatch.setattr("toffee.launch.call.importlib.import_module", fail)
    with pytest.raises(RuntimeError):
        load(DRAW)
    assert gc.isenabled()
    gc.disable()  # as somebody else may have had it
    try:
        with pytest.raises(RuntimeError):
            load(DRAW)
        assert not gc.isenabled()
    finally:
        gc.enable()
