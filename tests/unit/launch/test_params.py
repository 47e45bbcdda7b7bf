"""Params under their names: what Snakemake compares, and what a script gets."""

import copy
import inspect
import json
import pickle
from pathlib import Path

import pytest

from toffee.launch.params import Named, named, shown
from toffee.runtime.errors import ToffeeError

DIGEST = "3fa1b2c4d5e6" + "0" * 52
VALUES = [64, 0.5, True, None, "world", "ä {shard}", [0.0, 1.5], {"p": 0.1, "q": None}, DIGEST, []]


@pytest.mark.parametrize("value", VALUES)
def test_a_script_gets_the_plain_value(value):
    for plain in (pickle.loads(pickle.dumps(named("x", value))), copy.deepcopy(named("x", value))):
        assert plain == value and type(plain) is type(value)


def test_a_script_needs_no_module_of_ours_to_read_its_params():
    assert b"toffee" not in pickle.dumps(named("x", [1]))


@pytest.mark.parametrize("value", VALUES)
def test_what_is_compared_can_be_rebuilt_from_a_record(value):
    assert repr(named("x", value)) == shown("x", json.loads(json.dumps(value)))


def test_equal_values_of_two_names_differ():
    before = {repr(named(name, value)) for name, value in [("batch", 64), ("side", 64), ("x", 32)]}
    after = {repr(named(name, value)) for name, value in [("batch", 32), ("side", 64), ("x", 32)]}
    assert before - after == {"batch = 64"} and after - before == {"batch = 32"}


def test_it_reads_like_a_sentence():
    assert shown("match_threshold", 0.6) == "match_threshold = 0.6"
    assert shown("source", "world") == 'source = "world"'
    assert shown("code", DIGEST) == "code = 3fa1b2c4d5e6…"
    assert shown("digests", {"a": DIGEST}) == 'digests = {"a": 3fa1b2c4d5e6…}'
    assert f"{named('batch', 64)} of {named('name', 'tiny')}" == "64 of tiny"


def test_the_order_of_a_dict_counts():
    """Rows of a table follow it."""
    assert shown("x", {"a": 1, "b": 2}) != shown("x", {"b": 2, "a": 1})


def test_a_function_keeps_its_signature_and_names_what_it_gives():
    def scale(wildcards, input):
        return [wildcards, *input]

    call = named("scale", scale)
    assert inspect.signature(call) == inspect.signature(scale)
    given = call("w", input=["a"])
    assert isinstance(given, Named) and repr(given) == 'scale = ["w", "a"]'


def test_a_function_may_give_a_function_and_may_fail():
    assert repr(named("x", lambda w: lambda w: 3)("w")("w")) == "x = 3"
    with pytest.raises(FileNotFoundError):
        named("x", lambda w: Path("/nowhere").read_text())("w")


def test_what_cannot_be_compared_is_one_line():
    with pytest.raises(ToffeeError, match="param path: expected what JSON can hold, got Posix"):
        named("path", Path("a"))
