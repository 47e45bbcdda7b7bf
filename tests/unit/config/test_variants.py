"""Which table a variant belongs to, and which model it is drawn with."""

import copy

import pytest
import yaml

from toffee.config import load_config
from toffee.config.reference import PROJECT
from toffee.config.variants import (
    row_of,
    rows_of,
    trained_as,
    training_name,
    training_number,
    tuned_name,
    tuning_steps,
)
from toffee.runtime.errors import ToffeeError

TINY = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())


def with_variants(**variants):
    values = copy.deepcopy(TINY)
    values["variants"] = variants
    return load_config(values)


def test_a_variant_is_a_row_of_the_table_of_what_it_changes():
    config = with_variants(
        e={"kinds": "editing"},
        p={"reconstruction": 0.5},
        w={"segmented": False},
        d={"depth": True},
        r={"reference": "tokens"},
        g={"subject_guidance": None},
        n={"pairs": 0.5},
        m={"pairs": 1, "steps": 7},
    )
    tables = ("variants", "reconstruction", "segmentation", "editing", "reference", "scaling")
    rows = [["e"], ["p"], ["w"], ["d"], ["r", "g"], ["n", "m"]]
    assert [rows_of(config, table) for table in tables] == rows


def test_a_variant_that_changes_nothing_is_no_row():
    config = with_variants(a={"reference": TINY["toffeenet"]["reference"]}, b={"segmented": True})
    assert rows_of(config, "reference") == rows_of(config, "segmentation") == []


def test_a_variant_takes_all_else_from_toffeenet():
    config = with_variants(p={"reconstruction": 0.5})
    variant = config.variant("p").model_dump()
    assert variant == config.toffeenet.model_dump() | {"reconstruction": 0.5}
    assert config.variant("toffeenet") is config.toffeenet


def test_variants_that_differ_in_use_alone_share_a_training():
    config = with_variants(
        strong={"subject_scale": 2.0},
        long={"steps": 7},
        long_strong={"steps": 7, "subject_scale": 2.0},
    )
    assert trained_as(config, "strong") == trained_as(config, "toffeenet") == "toffeenet"
    assert trained_as(config, "long") == trained_as(config, "long_strong") == "long"


@pytest.mark.parametrize(
    ("changes", "shards", "pairs"),
    [
        ({"pairs": 0.25}, 1, 0.25),
        ({"pairs": 4}, 4, 1),
        ({"pairs": 2.5}, 3, 2.5 / 3),
        ({"pairs": 0.25, "subjects": 0.25}, 1, 0.25),  # as many pairs, of fewer subjects
        ({"subjects": 0.1}, 10, 0.1),
    ],
)
def test_pairs_come_from_as_many_shards_as_are_needed(changes, shards, pairs):
    variant = with_variants(n=changes).variant("n")
    assert variant.shards == shards and variant.subset.pairs == pytest.approx(pairs)


def test_names_of_trainings_and_of_fine_tunings_are_apart():
    config = with_variants(p_0={"steps": 7})
    assert training_name("p_0", 0) == "p_0" and training_name("p_0", 2) == "p_0-2"
    assert [training_number(name) for name in ("p_0", "p_0-2", "p_0-12")] == [0, 2, 12]
    assert config.variant("p_0-2") == config.variant("p_0")
    tuned = tuned_name("dreambooth_one_photo", 100)
    assert tuning_steps(tuned) == 100 and row_of(tuned) == "dreambooth_one_photo"
    assert [tuning_steps(name) for name in ("dreambooth", "p_0-2")] == [None, None]


@pytest.mark.parametrize(
    ("variants", "line"),
    [
        ({"x": {"step": 3}}, "unknown config key variants.x.step, did you mean variants.x.steps?"),
        ({"x": {"steps": 0}}, "config key variants.x.steps: expected a number greater than or"),
        ({"text_only": {}}, "config key variants.text_only: expected a name that is none of"),
        ({"x": {"drop_text": 0.99}}, "config key variants.x: expected drop_text + drop_subject"),
    ],
)
def test_one_line_names_the_variant(variants, line):
    with pytest.raises(ToffeeError) as error:
        with_variants(**variants)
    assert str(error.value).startswith(line)


def test_the_demo_is_the_tiny_scale_with_less_of_the_benchmark():
    demo = yaml.safe_load((PROJECT / "config" / "demo.yaml").read_text())
    assert demo["scale"] == TINY["scale"] and set(demo) == {"scale", "evaluation", "report"}
    values = TINY | {"evaluation": TINY["evaluation"] | demo["evaluation"]}
    assert load_config(values).evaluation.images_per_prompt == 1
    assert set(demo["evaluation"]["methods"]) < set(TINY["evaluation"]["methods"])
