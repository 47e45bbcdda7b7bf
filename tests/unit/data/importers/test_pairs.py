"""Peers' data sets as sources: SynCD's groups of pictures, Subjects200K's pairs."""

import csv
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from toffee.data.importers.subjects import import_subjects
from toffee.data.importers.views import import_multiview
from toffee.data.loaders.images import read_image
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.subjects import load_subjects
from toffee.runtime.errors import ToffeeError

from .conftest import disc, encoded, jpeg, picture

GROUPS = {"red panda_0_1_0": 3, "dog_1_0_0": 3}
SCORES = {"compositeStructure": 5, "objectConsistency": 5, "imageQuality": 5}


def aside(out: Path) -> list[tuple[str, str]]:
    with open(out / "quarantine.csv", newline="") as file:
        return [(row["file"], row["reason"]) for row in csv.DictReader(file)]


@pytest.fixture
def syncd(tmp_path: Path) -> Path:
    """Two animals as its generator writes them, and an asset that has no class word."""
    root = tmp_path / "syncd" / "deformable"
    (root / "masks").mkdir(parents=True)
    entries = []
    for name, count in (GROUPS | {"6f1d0e": 2}).items():
        files = [f"{name}_{number}.jpg" for number in range(count)]
        for number, file in enumerate(files):
            (root / file).write_bytes(jpeg(number))
            soft = Image.fromarray(disc(number).astype(np.uint8) * 255).resize((16, 12))
            soft.save(root / "masks" / file, quality=80)
        entries.append({"filenames": files, "prompts": ["a text"] * count, "objaverse_id": ""})
    (root / "metadata_0.json").write_text(json.dumps(entries))
    return root.parent


def run(root: Path, out: Path) -> Path:
    source = {"kind": "syncd", "path": str(root), "heldout": 1e-9}
    import_multiview(
        source=source, heldout=False, out=out, resolution=48, views=3, sequences=None, seed=1
    )
    return out


def test_groups_of_syncd_are_sequences(syncd: Path, tmp_path: Path) -> None:
    out = run(syncd, tmp_path / "out")
    found = load_multiview(out, check=True)
    assert [(one.class_word, len(one)) for one in found] == [("dog", 3), ("red panda", 3)]
    assert aside(out) == [("deformable/metadata_0.json, entry 3", "no class word")]
    area = np.asarray(Image.open(found[0].masks[0])).mean() / 255
    assert 0.5 < area / (disc(0)[:, 2:50].mean()) < 1.5, "a soft mask of another size"


def test_a_folder_that_this_project_exports_is_read_back(syncd: Path, tmp_path: Path) -> None:
    (syncd / "deformable" / "metadata_0.json").unlink()
    entry = {"filenames": ["deformable/dog_1_0_0_0.jpg", "deformable/dog_1_0_0_1.jpg"]}
    (syncd / "metadata.json").write_text(json.dumps([entry | {"class_word": "puppy"}]))
    assert [one.class_word for one in load_multiview(run(syncd, tmp_path / "out"))] == ["puppy"]


@pytest.mark.parametrize(
    ("text", "line"),
    [('{"filenames": []}', "expected a list of filenames"), ("[", "metadata.json")],
)
def test_a_malformed_list_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(ToffeeError, match=line):
        run(tmp_path, tmp_path / "out")
    (tmp_path / "metadata.json").write_text('[{"filenames": ["../x.jpg"]}, {"filenames": 3}]')
    with pytest.raises(ToffeeError, match="none of the source's sequences is usable"):
        run(tmp_path, tmp_path / "out")


def pair(seed: int, side: int, margin: int) -> bytes:
    """Two pictures side by side in white margins, as the data set has them."""
    whole = np.full((side + 2 * margin, 2 * side + 4 * margin, 3), 255, np.uint8)
    for place, left in enumerate((margin, side + 2 * margin)):
        whole[margin : margin + side, left : left + side] = picture(seed + place, (side, side))
    return encoded(whole, "PNG")


def test_left_pictures_of_good_pairs_are_subjects(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    (repo / "data").mkdir(parents=True)
    text = {"item": "Eames Lounge Chair", "category": "Furniture", "description_valid": True}
    text |= {"description_0": "The chair in a room.", "description_1": "The chair outside."}
    low, invalid = SCORES | {"imageQuality": 3}, text | {"description_valid": False}
    cells = [
        (pair(0, 256, 4), SCORES, text),
        (pair(1, 512, 8), SCORES, text | {"item": "Dog"}),
        (pair(2, 256, 4), low, text),
        (pair(3, 256, 4), None, text),
        (pair(4, 256, 4), SCORES, invalid),
        (jpeg(5), SCORES, text),
    ]
    columns = ("image", "quality_assessment", "description")
    table = {
        name: list(column) for name, column in zip(columns, zip(*cells, strict=True), strict=True)
    }
    table["image"] = [{"bytes": one, "path": None} for one in table["image"]]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "quality_assessment": {name: datasets.Value("int64") for name in SCORES},
            "description": {name: datasets.Value("string") for name in text}
            | {"description_valid": datasets.Value("bool")},
        }
    )
    data = datasets.Dataset.from_dict(table, features=features)
    data.to_parquet(repo / "data" / "train-00000-of-00001.parquet")
    (repo / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    source = {"kind": "subjects200k", "repo": str(repo), "revision": None, "split": "train"}
    out = tmp_path / "out"
    import_subjects(
        source=source | {"licence": None}, out=out, resolution=64, subjects=None, seed=0
    )
    chair, dog = load_subjects(out).subjects
    assert (chair.class_word, chair.caption, chair.licence, chair.mask) == (
        "eames lounge chair",
        "The chair in a room.",
        "apache-2.0",
        None,
    )
    assert dog.class_word == "dog"
    for one, seed in ((chair, 0), (dog, 1)):
        small = Image.fromarray(picture(seed, (256, 256))).resize((64, 64))
        found = read_image(one.image).permute(1, 2, 0).numpy()
        assert np.abs(found - np.asarray(small) / 255).mean() < 0.02, "without the margin"
    assert sorted(reason for _, reason in aside(out)) == [*["low score"] * 3, "no picture"]
