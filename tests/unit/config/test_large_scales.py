"""The large scales say every value that was chosen by looking at the tiny scale's tables."""

from pathlib import Path

import pytest
import yaml

from toffee.config import load_config
from toffee.config.sections.filter import Filter
from toffee.runtime.errors import ToffeeError

CONFIG = Path(__file__).parents[3] / "config"
TUNED = {
    "sampler": ("guidance",),
    "refiner": ("match_threshold", "position_weight", "strength", "guidance"),
    "view_generator": ("guidance",),
    "synthesis": ("control_scale", "edit_strength"),
    "filter": tuple(Filter.model_fields),
    "toffeenet": (
        *("guidance", "subject_guidance", "edit_guidance", "edit_subject_guidance"),
        *("subject_scale", "reference", "own_photo"),
    ),
}
COSINES = [("refiner", "match_threshold"), ("filter", "min_text_alignment")]
COSINES += [("filter", f"min_{name}_similarity") for name in ("subject", "view", "pair")]


def read(name: str) -> dict:
    return yaml.safe_load((CONFIG / f"{name}.yaml").read_text())


def laid(base: dict, over: dict) -> dict:
    both = {
        key: laid(base[key], value)
        if isinstance(value, dict) and isinstance(base.get(key), dict)
        else value
        for key, value in over.items()
    }
    return base | both


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_no_tuned_value_is_inherited_and_no_cosine_is_a_number(scale):
    values = read(scale)
    inherited = [
        f"{section}.{key}"
        for section, keys in TUNED.items()
        for key in keys
        if key not in values.get(section, {})
    ]
    assert not inherited, f"config/{scale}.yaml takes these from the tiny scale without a word"
    for section, key in COSINES:
        assert isinstance(values[section][key], str), f"{section}.{key}: expected a quantile"
    config = load_config(laid(read("config"), values))
    assert config.filter.is_calibrated


def test_tuned_keys_exist():
    values = read("config")
    assert all(key in values[section] for section, keys in TUNED.items() for key in keys)
    assert not load_config(values).filter.is_calibrated


@pytest.mark.parametrize(
    ("section", "key", "value", "line"),
    [
        ("filter", "min_view_similarity", "class:0.95", None),
        ("filter", "min_view_similarity", "0.5", None),  # as Snakemake's command line gives it
        ("filter", "min_view_similarity", "class:1.5", "or a quantile such as other:0.95"),
        ("filter", "min_view_similarity", 1.5, "expected a number from -1 to 1"),
        ("filter", "min_text_alignment", "class:0.5", r"\(of same, other\)"),
        ("filter", "max_copy_rate", "class:0.5", "filter.max_copy_rate: expected a valid number"),
        ("refiner", "match_threshold", "same:.5", None),
    ],
)
def test_a_cosine_is_a_number_or_a_quantile(section, key, value, line):
    values = laid(read("config"), {section: {key: value}})
    if line is None:
        found = getattr(getattr(load_config(values), section), key)
        assert found == (float(value) if value == "0.5" else value)
        return
    with pytest.raises(ToffeeError, match=line) as error:
        load_config(values)
    assert f"config key {section}.{key}: " in str(error.value)
