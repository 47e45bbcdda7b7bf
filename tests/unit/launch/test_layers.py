"""Sections of another kind take the place of those below them."""

from copy import deepcopy

import pytest
import yaml

from toffee.launch.layers import read_nulls, replace_kinds

DRAWN = {"kind": "drawn", "classes": "a.txt", "per_class": 4}
VIEWS = {"kind": "uco3d", "path": "data/uco3d", "heldout": 0.1}
BELOW = {"data": {"subjects": 8, "real": {"subjects": DRAWN, "multiview": VIEWS}}}


def merged(below, above):
    """As Snakemake joins them."""
    result = deepcopy(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


@pytest.mark.parametrize(
    ("subjects", "expected"),
    [
        ({"kind": "images", "path": "mine"}, {"kind": "images", "path": "mine"}),
        ({"per_class": 2}, DRAWN | {"per_class": 2}),
        ({"kind": "drawn", "per_class": 2}, DRAWN | {"per_class": 2}),
        (None, None),
        ("wrong", "wrong"),
    ],
)
def test_one_section_stands_alone(tmp_path, subjects, expected):
    above = {"data": {"real": {"subjects": subjects}}}
    paths = [tmp_path / "below.yaml", tmp_path / "above.yaml"]
    for path, layer in zip(paths, (BELOW, above), strict=True):
        path.write_text(yaml.safe_dump(layer))
    for files, given in ((paths, {}), (paths[:1], above)):
        config = merged(BELOW, above)
        replace_kinds(config, files, given)
        assert config["data"] == {"subjects": 8, "real": {"subjects": expected, "multiview": VIEWS}}


def test_null_of_the_command_line_is_that_of_a_file():
    given = {"toffeenet": {"subject_guidance": "null", "kinds": "both"}, "filter": "~"}
    config = {"toffeenet": {"subject_guidance": "null", "kinds": "both", "steps": 7}, "filter": "~"}
    read_nulls(config, given)
    assert given == {"toffeenet": {"subject_guidance": None, "kinds": "both"}, "filter": None}
    assert config["toffeenet"] == {"subject_guidance": None, "kinds": "both", "steps": 7}
    assert config["filter"] is None
