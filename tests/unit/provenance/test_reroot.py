"""Results under another name: their records are read as if they had been made there."""

import pytest

from toffee.provenance.reroot import rerooted, rerooted_record
from toffee.runtime.errors import ToffeeError

OLD, NEW = "results/tiny", "results/mine"


def test_paths_in_values_and_keys():
    content = {
        "root": OLD,
        "input": {"a": f"{OLD}/x", "b": ["config/y", f"{OLD}/z"]},
        "params": {"results": OLD, "digests": {f"{OLD}/x": "1"}, "n": 3, "t": "results/tinyx/x"},
        "outputs": {f"{OLD}/x": {"files": {f"{OLD}/x": 1}}},
        "config": "abc",
        "sha256": "kept",
    }
    found = rerooted_record(content, NEW)
    assert found == {
        "root": NEW,
        "input": {"a": f"{NEW}/x", "b": ["config/y", f"{NEW}/z"]},
        "output": None,
        "log": None,
        "benchmark": None,
        "params": {"results": NEW, "digests": {f"{NEW}/x": "1"}, "n": 3, "t": "results/tinyx/x"},
        "outputs": {f"{NEW}/x": {"files": {f"{OLD}/x": 1}}},
        "config": "abc",
        "sha256": "kept",
    }
    assert rerooted_record(content, OLD) == content


@pytest.mark.parametrize("value", [f"from {OLD}/x", f"a={OLD}"])
def test_what_cannot_be_renamed_is_one_line(value):
    with pytest.raises(ToffeeError, match="made as results/tiny, and .* cannot be renamed"):
        rerooted({"a": [value]}, OLD, NEW)


@pytest.mark.parametrize("value", ["/data/results/tiny/x", "old-results/tiny", "results/tiny2"])
def test_other_folders_are_left_alone(value):
    assert rerooted(value, OLD, NEW) == value
