"""Subjects out of a folder of pictures."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from toffee.data.importers.subjects import import_subjects
from toffee.data.loaders.subjects import load_subjects
from toffee.runtime.errors import ToffeeError

from .conftest import SIZE, disc, jpeg, png


def run(root: Path, out: Path, **changes) -> Path:
    arguments = {"resolution": 32, "subjects": None, "seed": 3}
    import_subjects(source={"kind": "images", "path": str(root)}, out=out, **(arguments | changes))
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes with two pictures each, and all their masks."""
    root = tmp_path / "photos"
    for number, word in enumerate(("mug", "Toy_Car", "glasses")):
        for index in range(2):
            path = root / word / f"p {index}.jpg"
            mask = (root / "masks" / word / path.name).with_suffix(".png")
            for parent in (path.parent, mask.parent):
                parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(10 * number + index))
            mask.write_bytes(png(disc(index)))
    (root / "mug" / "p 1.txt").write_text("  a white mug\n with a handle")
    return root


def test_the_loader_reads_what_was_imported(root: Path, tmp_path: Path, capsys) -> None:
    out = run(root, tmp_path / "out")
    folder = load_subjects(out)
    assert not folder.quarantine and len(folder) == 6
    assert {(one.subject, one.class_word, one.caption) for one in folder.subjects} == {
        ("mug_p_0", "mug", "a mug"),
        ("mug_p_1", "mug", "a white mug with a handle"),
        ("Toy_Car_p_0", "toy car", "a toy car"),
        ("Toy_Car_p_1", "toy car", "a toy car"),
        ("glasses_p_0", "glasses", "glasses"),
        ("glasses_p_1", "glasses", "glasses"),
    }
    assert all(one.mask is not None for one in folder.subjects)
    assert capsys.readouterr().err.splitlines()[-1] == "6 subjects, nothing set aside"
    assert {row["source"] for row in rows(out / "sources.csv")} >= {"mug/p 0.jpg"}
    assert rows(out / "quarantine.csv") == []


def test_a_table_goes_before_folders_and_texts(root: Path, tmp_path: Path) -> None:
    (root / "captions.csv").write_text(
        "file_name,class,text,license\nmug/p 1.jpg,Coffee_Cup,my cup,CC0\ngone.jpg,mug,,\n"
    )
    out = run(root, tmp_path / "out")
    found = {row["subject"]: row for row in rows(out / "metadata.csv")}
    assert found["mug_p_1"] == {
        "file_name": "images/mug_p_1.jpg",
        "subject": "mug_p_1",
        "class_word": "coffee cup",
        "caption": "my cup",
        "licence": "CC0",
    }
    assert found["mug_p_0"]["class_word"] == "mug" and found["mug_p_0"]["licence"] == ""
    assert [(row["file"], row["reason"]) for row in rows(out / "quarantine.csv")] == [
        ("gone.jpg", "missing image")
    ]


def test_metadata_of_an_imagefolder_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(jpeg(1))
    (tmp_path / "photos" / "metadata.jsonl").write_text(
        '{"file_name": "1.jpg", "text": "007", "class_word": "agent"}\n'
    )
    (one,) = load_subjects(run(tmp_path / "photos", tmp_path / "out")).subjects
    assert (one.class_word, one.caption, one.mask) == ("agent", "007", None)


def test_what_is_broken_is_set_aside_with_its_reason(root: Path, tmp_path: Path) -> None:
    data = (root / "mug" / "p 0.jpg").read_bytes()
    (root / "mug" / "p 0.jpg").write_bytes(data[: len(data) // 2])
    (root / "masks" / "mug" / "p 1.png").unlink()
    (root / "masks" / "Toy_Car" / "p 0.png").write_bytes(b"none")
    (root / "masks" / "Toy_Car" / "p 1.png").write_bytes(png(disc(0, (32, 32))))
    (root / "masks" / "glasses" / "p 0.png").write_bytes(png(np.zeros(SIZE[::-1], bool)))
    (root / "loose.jpg").write_bytes(jpeg(1))
    (root / "glasses" / "p_1.jpg").write_bytes(jpeg(5))
    out = run(root, tmp_path / "out")
    assert {row["file"]: row["reason"] for row in rows(out / "quarantine.csv")} == {
        "mug/p 0.jpg": "broken image",
        "mug/p 1.jpg": "missing mask",
        "Toy_Car/p 0.jpg": "broken mask",
        "Toy_Car/p 1.jpg": "mask of another size",
        "glasses/p 0.jpg": "empty mask",
        "glasses/p_1.jpg": "named twice",
        "loose.jpg": "no class word",
    }
    assert [one.subject for one in load_subjects(out).subjects] == ["glasses_p_1"]


def test_a_limit_does_not_depend_on_the_order_of_files(root: Path, tmp_path: Path) -> None:
    names = [
        {one.subject for one in load_subjects(run(root, tmp_path / "out", subjects=n)).subjects}
        for n in (2, 4)
    ]
    assert len(names[0]) == 2 and names[0] < names[1] and len(names[1]) == 4
    other = tmp_path / "other"
    for path in sorted(root.rglob("*.*"), reverse=True):
        target = other / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    again = load_subjects(run(other, tmp_path / "again", subjects=2))
    assert {one.subject for one in again.subjects} == names[0]


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("file,class_word\na.jpg,mug\n", "column file_name is missing"),
        ("file_name\n../secret.jpg\n", r"row 1: file_name '../secret.jpg', expected one below"),
        ("file_name\nmug/p 0.jpg\nmug/p 0.jpg\n", "row 2: mug/p 0.jpg is in two rows"),
        ("", "cannot be read"),
    ],
)
def test_a_malformed_table_is_one_line(root: Path, tmp_path: Path, table: str, line: str) -> None:
    (root / "captions.csv").write_text(table)
    with pytest.raises(ToffeeError, match=f"captions.csv.*{line}") as raised:
        run(root, tmp_path / "out")
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


def test_a_folder_without_pictures_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ToffeeError, match="none: no such folder"):
        run(tmp_path / "none", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ToffeeError, match="empty: empty folder, expected .jpg"):
        run(tmp_path / "empty", tmp_path / "out")


def real_folder() -> Path | None:
    given = os.environ.get("TOFFEE_DREAMBENCH")
    beside = Path(__file__).resolve().parents[5] / "shared" / "dreambench"
    return Path(given) if given else beside if beside.is_dir() else None


@pytest.mark.skipif(
    real_folder() is None, reason="no DreamBench photos: set TOFFEE_DREAMBENCH to their folder"
)
def test_real_photos(tmp_path: Path) -> None:
    """All 158 photos of DreamBench, whose folders stand for class words here."""
    out = run(real_folder() / "dataset", tmp_path / "out", resolution=64)
    folder = load_subjects(out)
    assert len(folder) == 158 and not rows(out / "quarantine.csv")
    words = {one.class_word for one in folder.subjects}
    assert len(words) == 30 and {"rc car", "backpack dog", "vase"} <= words
