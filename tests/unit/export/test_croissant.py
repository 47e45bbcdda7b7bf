"""Croissant metadata: valid, true to the files, and with what responsible use has to know."""

import json
import logging
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from toffee.config.sources import Real
from toffee.export.release import SUBJECTS, VIEWS, WORLD
from toffee.runtime.files import file_digest
from toffee.storage.encoding import decode
from toffee.storage.reader import Shard

from .conftest import Export

mlcroissant = pytest.importorskip("mlcroissant")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def metadata(export: Export) -> dict:
    return json.loads((export.hub / "croissant.json").read_text())


def test_every_file_is_listed_with_its_digest(export: Export) -> None:
    listed = metadata(export.all())["distribution"]
    files = {item["contentUrl"]: item for item in listed if "sha256" in item}
    assert set(files) == {f"data/{path.name}" for path in export.files}
    for address, item in files.items():
        assert item["sha256"] == file_digest(export.hub / address)
        assert item["contentSize"] == f"{(export.hub / address).stat().st_size} B"


def test_it_is_valid_with_its_responsible_ai_properties(export: Export) -> None:
    export.all()
    found = mlcroissant.Dataset(str(export.hub / "croissant.json")).metadata
    assert not found.issues.errors
    # When it is published is known to who does that.
    (warning,) = found.issues.warnings
    assert "datePublished" in warning
    assert found.conforms_to == [
        "http://mlcommons.org/croissant/1.0",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    for name in (
        "data_collection",
        "data_collection_type",
        "data_biases",
        "data_limitations",
        "data_use_cases",
        "data_social_impact",
        "personal_sensitive_information",
        "data_preprocessing_protocol",
        "data_annotation_protocol",
        "machine_annotation_tools",
        "data_release_maintenance_plan",
    ):
        assert getattr(found, name), name
    # Every property that is written is one of the vocabulary: none was dropped on reading.
    written = {key for key in metadata(export) if key.startswith("rai:")}
    # (mlcroissant 1.1 looks for this one under a misspelt name.)
    assert written <= set(found.to_json()) | {"rai:dataManipulationProtocol"}
    assert "https://creativecommons.org/licenses/by/4.0/" in found.license


def test_what_is_said_of_people_and_origins_depends_on_the_sources(export: Export) -> None:
    export.all()
    (world,) = metadata(export)["rai:personalSensitiveInformation"]
    export.assemble(subjects="drawn", views="mvimgnet")
    (real,) = metadata(export)["rai:personalSensitiveInformation"]
    assert world.startswith("No personal data") and not real.startswith("No personal data")
    raw = metadata(export)["rai:dataCollectionRawData"]
    assert "base model drew" in raw and "MVImgNet" in raw


def test_every_source_of_the_configuration_has_its_words() -> None:
    def kinds(name: str) -> set[str]:
        sections = [kind for kind in get_args(Real.model_fields[name].annotation)]
        sections = [kind for kind in sections if kind is not type(None)]
        return {get_args(kind.model_fields["kind"].annotation)[0] for kind in sections}

    assert set(SUBJECTS) == {WORLD} | kinds("subjects")
    assert set(VIEWS) == {WORLD} | kinds("multiview")


def test_records_are_the_accepted_pairs(export: Export, caplog) -> None:
    caplog.set_level(logging.ERROR)
    export.all()
    dataset = mlcroissant.Dataset(str(export.hub / "croissant.json"))
    records = list(dataset.records("pairs"))
    expected = export.accepted
    assert [r["pairs/sample_id"].decode() for r in records] == expected["sample_id"].tolist()
    place = expected.iloc[0]
    with Shard(export.shards[int(place["shard"])]) as shard:
        pixels = decode(shard.encoded("target", place["row"]))
    assert isinstance(records[0]["pairs/target"], Image.Image)
    assert np.array_equal(np.array(records[0]["pairs/target"].convert("RGB")), pixels)
