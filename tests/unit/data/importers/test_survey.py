"""What a run finds of the user's own photos, before anything of it is read."""

from pathlib import Path

import pytest
import yaml

from toffee.config import load_config
from toffee.data.importers.survey import Survey, survey

from .conftest import disc, jpeg, png

CONFIG = Path(__file__).resolve().parents[4] / "config"


def look(subjects: dict | None, multiview: dict | None = None, **synthesis) -> Survey:
    values = yaml.safe_load((CONFIG / "config.yaml").read_text())
    values["data"]["real"] |= {"subjects": subjects, "multiview": multiview}
    values["synthesis"] |= {"prompts": str(CONFIG / "prompts" / "tiny.yaml")} | synthesis
    return survey(load_config(values))


def said(subjects: dict | None, **synthesis) -> list[str]:
    return look(subjects, **synthesis).lines


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four photos of a mug, one with a caption, and one of a teapot, which the world has not."""
    root = tmp_path / "photos"
    (root / "teapot").mkdir(parents=True)
    for number in range(4):
        (root / f"{number}.jpg").write_bytes(jpeg(number))
    (root / "0.txt").write_text("a blue mug")
    (root / "1.HEIC").write_bytes(b"?")
    (root / "teapot" / "t.jpg").write_bytes(jpeg(9))
    return root


def test_a_page_says_what_was_found_and_what_each_class_misses(tmp_path, photos):
    lines = said({"kind": "images", "path": str(photos), "class_word": "mug"})
    assert lines[:2] == [
        f"found in {photos}:",
        "  5 photos, no masks: the segmenter finds the subjects, 1 caption; 1 set aside",
    ]
    assert lines[2].startswith("  set aside 1.HEIC: no picture")
    assert lines[3].startswith("  teapot: 1 photo – MISSING: no sequence")
    assert lines[4] == "  mug: 4 photos"
    assert lines[-2:] == [
        "benchmark: the rendered world's",
        f"prompts: 22 texts of {CONFIG / 'prompts' / 'tiny.yaml'}",
    ]


def test_photos_without_a_class_or_a_mask_are_named(tmp_path, photos):
    (photos / "masks" / "teapot").mkdir(parents=True)
    (photos / "masks" / "teapot" / "t.png").write_bytes(png(disc(0)))
    lines = said({"kind": "images", "path": str(photos)})
    assert lines[1].startswith("  1 photo, 1 mask, no captions; 5 set aside")
    assert sum("no class word" in line for line in lines) == 4
    assert any("MISSING: nothing is left" in line for line in lines)


def test_what_is_not_there_is_a_line(tmp_path):
    lines = said({"kind": "images", "path": "nowhere"}, texts="nothing.txt")
    assert lines[1] == "  MISSING nowhere: no such folder, expected pictures"
    assert lines[-1].startswith("prompts: MISSING cannot read nothing.txt")


def test_a_folder_in_our_layout_is_counted_by_its_table(tmp_path):
    root = tmp_path / "mine"
    (root / "masks").mkdir(parents=True)
    (root / "masks" / "a.png").write_bytes(png(disc(0)))
    (root / "a.jpg").write_bytes(jpeg(0))
    (root / "images").mkdir()
    (root / "images" / "b.jpg").write_bytes(jpeg(1))
    head = "file_name,subject,class_word,caption\n"
    (root / "metadata.csv").write_text(head + "a.jpg,a,mug,a mug\nb.jpg,b,mug,\n")
    lines = said({"kind": "folder", "path": str(root)})
    assert lines[1:3] == ["  2 photos, 1 mask, 1 caption; 0 set aside", "  mug: 2 photos"]
    assert said(None) == []


def test_photos_of_which_nothing_is_left_stop_a_run(photos):
    (photos / "teapot" / "t.jpg").rename(photos / "t.jpg")
    (stop,) = look({"kind": "images", "path": str(photos), "class_word": "teapot"}).stops
    assert stop[:2] == ("list_subjects", "data.real.subjects")
    assert stop.problem.startswith(f"{photos}: nothing is left") and "(ball, car," in stop.problem
    alone = {"kind": "images", "path": str(photos), "class_word": "teapot"}
    assert look(alone, subject_poses=True).stops == []
    assert look(alone | {"class_word": "mug"}).stops == []


@pytest.mark.parametrize(
    ("table", "problem"),
    [(None, "metadata.csv: No such file"), ("file_name,subject,class_word\n", "column caption")],
)
def test_a_folder_in_our_layout_that_is_none_stops_a_run(tmp_path, table, problem):
    if table:
        (tmp_path / "metadata.csv").write_text(table)
    (stop,) = look({"kind": "folder", "path": str(tmp_path)}).stops
    assert stop[:2] == ("list_subjects", "data.real.subjects.path") and problem in stop.problem


@pytest.mark.parametrize("content", [b"", "au café".encode("latin-1")])
def test_texts_that_cannot_be_read_stop_a_run_of_any_subjects(tmp_path, content):
    (tmp_path / "texts.txt").write_bytes(content)
    found = look(None, texts=str(tmp_path / "texts.txt"))
    assert found.lines == [] and found.stops[0][:2] == ("plan_shard", "synthesis.texts")
    assert str(tmp_path / "texts.txt") in found.stops[0].problem


def test_a_class_is_spelled_as_its_folder_where_nothing_is_imported(tmp_path):
    (tmp_path / "views" / "Tea_Pot" / "1" / "images").mkdir(parents=True)
    (tmp_path / "a.jpg").write_bytes(jpeg(0))
    views = {"kind": "folder", "path": str(tmp_path / "views"), "heldout_path": "none"}
    (tmp_path / "metadata.csv").write_text(
        "file_name,subject,class_word,caption\na.jpg,a,Tea Pot,\n"
    )
    assert look({"kind": "folder", "path": str(tmp_path)}, views).stops == []


@pytest.mark.parametrize("kind", ["images", "folder"])
def test_photos_that_are_none_are_set_aside(tmp_path, kind):
    (tmp_path / "mug").mkdir()
    (tmp_path / "mug" / "1.jpg").write_bytes(b"\xff\xd8 no picture")
    if kind == "folder":
        head, row = "file_name,subject,class_word,caption", "mug/{0}.jpg,{0},mug,"
        rows = [head, row.format(1), row.format(2)]
        (tmp_path / "metadata.csv").write_text("\n".join(rows))
    found = look({"kind": kind, "path": str(tmp_path)})
    assert found.lines[1].startswith("  0 photos, ")
    assert found.lines[2].startswith("  set aside mug/1.jpg: broken image")
    assert ("  set aside mug/2.jpg: missing image" in "\n".join(found.lines)) == (kind == "folder")
    assert [stop.key for stop in found.stops] == ["data.real.subjects"]
