"""The page of the zoo is written from its manifest."""

import json

import pytest
from PIL import Image

from toffee.runtime.errors import ToffeeError
from toffee_zoo import page

RECORD = {"steps": 1200, "batch": 16, "cpu_seconds": 120.0, "losses": {"training": 1.0}}
CURVED = RECORD | {
    "losses": {"training": 1.0, "curve": [[600, 2.0], [1200, 1.0]]},
    "heldout": {"psnr": 30.1, "laplacian": 0.9},
}
OLD = {"steps": 5, "batch": 2, "seconds": 60.0, "losses": {"training": 1.0}}


@pytest.fixture
def zoo(tmp_path):
    parts = {"text_to_image": RECORD | {"parts": {"autoencoder": CURVED}}, "depth": OLD}
    (tmp_path / "manifest.json").write_text(json.dumps({"parts": parts}))
    return tmp_path


def test_the_table_has_a_row_for_each_part_and_for_those_inside_others(zoo):
    assert page.table(page.read_records(zoo)).splitlines()[2:] == [
        "| `depth` | 5 × 2 | 1 (wall) | not measured |",
        "| `autoencoder` | 1,200 × 16 | 2 | psnr 30.1, laplacian 0.9 |",
        "| `text_to_image` | 1,200 × 16 | 2 | not measured |",
    ]


def test_the_page_keeps_what_is_outside_of_its_marks(zoo, monkeypatch):
    path = zoo / "zoo.md"
    path.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    monkeypatch.setattr("sys.argv", ["page", str(zoo), str(path)])
    page.main()
    text = path.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert Image.open(zoo / "zoo.png").width == 1200


@pytest.mark.parametrize("text", ["", "[]", '{"parts": []}', '{"parts": {"a": 1}}'])
def test_what_is_no_manifest_is_one_line(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ToffeeError, match=r"manifest\.json: expected the manifest of a zoo"):
        page.read_records(tmp_path)


def test_a_page_without_marks_is_refused(zoo):
    with pytest.raises(ToffeeError, match="expected the marks"):
        page.fill("no marks", page.read_records(zoo))
