"""Every leaf of the configuration: another value reruns the rules that it reaches, and no other."""

import shutil
from typing import get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from toffee.config.sections import Config
from toffee.provenance.code import rule_functions

from .conftest import TARGETS
from .rerun_matrix import EVERYTHING, IMPORTS, MATRIX, PLACES, VARIANT


def leaves(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted keys of all values of a section; `*` stands for a name that a user gives."""
    keys = []
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        sections = [kind for kind in kinds if isinstance(kind, type)]
        sections = [kind for kind in sections if issubclass(kind, BaseModel)]
        named = f"{prefix}{name}.*." if get_origin(field.annotation) is dict else f"{prefix}{name}."
        below = [key for section in sections for key in leaves(section, named)]
        keys += below or [prefix + name]
    return keys


def nested(changes: dict) -> dict:
    """Dotted keys as sections."""
    sections: dict = {}
    for key, value in changes.items():
        *parents, name = key.replace("*", VARIANT).split(".")
        place = sections
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return sections


@pytest.fixture(scope="session")
def other(planner):
    """The finished project, and other files for the leaves that are paths."""
    place, config = planner.folder / "other", planner.folder / "config"
    place.mkdir()
    shutil.copytree(planner.folder / "workflow" / "zoo", place / "zoo")
    shutil.copy(config / "prompts" / "tiny.yaml", place / "prompts.yaml")
    (place / "texts.txt").write_text("in the snow\non a rug\n")
    shutil.copy(config / "references" / "world.yaml", place / "references.yaml")
    catalogue = yaml.safe_load((config / "models.yaml").read_text())
    catalogue["tiny"]["metric_clip"] = {"zoo": "clip"}
    (place / "models.yaml").write_text(yaml.safe_dump(catalogue))
    for name in PLACES:
        shutil.copytree(planner.folder / "results" / "tiny" / "world" / name, place / name)
    return planner


def test_every_leaf_has_a_row():
    assert set(MATRIX) == set(leaves(Config))


def test_the_matrix_knows_every_rule(finished):
    rules = set(rule_functions(finished.folder))
    apart = {"draw_zoo_renders", "train_zoo_part", "assemble_zoo", "audit"} | IMPORTS
    apart |= {"import_pictures", "export_folder", "export_imagenhub"}  # only where asked for
    apart |= {"filter_more", "encode_more", "tabulate_scaling", "plot_scaling"}
    apart |= {"synthesize_shard"}  # in place of the rules of the stages, where it is asked for
    assert rules - apart == EVERYTHING and apart < rules


@pytest.mark.parametrize("key", MATRIX)
def test_a_changed_value_reruns_what_it_reaches_and_nothing_else(other, key):
    row = MATRIX[key]
    file = other.folder / "other" / f"{key}.yaml"
    file.write_text(yaml.safe_dump(nested({key: row.value} | row.also)))
    planned = other.planned(*TARGETS, "--configfile", f"other/{file.name}")
    missing, spare = sorted(row.reruns - planned), sorted(planned - row.reruns)
    assert not (missing or spare), f"does not rerun {missing}, reruns {spare} for nothing"
