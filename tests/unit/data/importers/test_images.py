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
            path = root / word / f"p-{index}.jpg"
            mask = (root / "masks" / word / path.name).with_suffix(".png")
            for parent in (path.parent, mask.parent):
                parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(10 * number + index))
            mask.write_bytes(png(disc(index)))
    (root / "mug" / "p-1.txt").write_text("  a white mug\n with a handle")
    return root


def test_the_loader_reads_what_was_imported(root: Path, tmp_path: Path, capsys) -> None:
    out = run(root, tmp_path / "out")
    folder = load_subjects(out)
    assert not folder.quarantine and len(folder) == 6
    assert {(one.subject, one.class_word, one.caption) for one in folder.subjects} == {
        ("mug_p-0", "mug", "a mug"),
        ("mug_p-1", "mug", "a white mug with a handle"),
        ("Toy_Car_p-0", "toy car", "a toy car"),
        ("Toy_Car_p-1", "toy car", "a toy car"),
        ("glasses_p-0", "glasses", "glasses"),
        ("glasses_p-1", "glasses", "glasses"),
    }
    assert all(one.mask is not None for one in folder.subjects)
    assert capsys.readouterr().err.splitlines()[-1] == "6 subjects, nothing set aside"
    assert {row["source"] for row in rows(out / "sources.csv")} >= {"mug/p-0.jpg"}
    assert rows(out / "quarantine.csv") == []


def test_a_table_goes_before_folders_and_texts(root: Path, tmp_path: Path) -> None:
    (root / "captions.csv").write_text(
        "file_name,class,text,license\nmug/p-1.jpg,Coffee_Cup,my cup,CC0\ngone.jpg,mug,,\n"
    )
    out = run(root, tmp_path / "out")
    found = {row["subject"]: row for row in rows(out / "metadata.csv")}
    assert found["mug_p-1"] == {
        "file_name": "images/mug_p-1.jpg",
        "subject": "mug_p-1",
        "class_word": "coffee cup",
        "caption": "my cup",
        "licence": "CC0",
    }
    assert found["mug_p-0"]["class_word"] == "mug" and found["mug_p-0"]["licence"] == ""
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
    data = (root / "mug" / "p-0.jpg").read_bytes()
    (root / "mug" / "p-0.jpg").write_bytes(data[: len(data) // 2])
    (root / "masks" / "mug" / "p-1.png").unlink()
    (root / "masks" / "Toy_Car" / "p-0.png").write_bytes(b"none")
    (root / "masks" / "Toy_Car" / "p-1.png").write_bytes(png(disc(0, (32, 32))))
    (root / "masks" / "glasses" / "p-0.png").write_bytes(png(np.zeros(SIZE[::-1], bool)))
    (root / "loose.jpg").write_bytes(jpeg(1))
    (root / "glasses" / "p_1.jpg").write_bytes(jpeg(5))
    out = run(root, tmp_path / "out")
    assert {row["file"]: row["reason"] for row in rows(out / "quarantine.csv")} == {
        "mug/p-0.jpg": "broken image",
        "mug/p-1.jpg": "missing mask",
        "Toy_Car/p-0.jpg": "broken mask",
        "Toy_Car/p-1.jpg": "mask of another size",
        "glasses/p-0.jpg": "empty mask",
        "glasses/p_1.jpg": "missing mask",
        "loose.jpg": "no class word",
    }
    assert [one.subject for one in load_subjects(out).subjects] == ["glasses_p-1"]


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
        ("file_name,text\nmug/p-0.jpg,a red, white mug\n", "row 1: 3 cells, expected 2"),
        ("file_name\n../secret.jpg\n", r"row 1: file_name '../secret.jpg', expected one below"),
        ("file_name\nmug/p-0.jpg\nmug/p-0.jpg\n", "row 2: mug/p-0.jpg is in two rows"),
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
    assert len(folder) == 158
    texts = {"prompts_and_classes.txt", "references_and_licenses.txt"}  # beside the folders
    assert {row["file"] for row in rows(out / "quarantine.csv")} == texts
    words = {one.class_word for one in folder.subjects}
    assert len(words) == 30 and {"rc car", "backpack dog", "vase"} <= words


def subjects(out: Path) -> dict[str, tuple[str, str]]:
    """Class word and caption of each imported picture, by its name in the source."""
    named = {row["subject"]: row["source"] for row in rows(out / "sources.csv")}
    found = load_subjects(out).subjects
    return {named[one.subject]: (one.class_word, one.caption) for one in found}


def test_every_name_is_a_subject_of_its_own(tmp_path: Path) -> None:
    names = ("照片一", "照片二", "a b", "a_b", "a+b", "Été", "IMG_1", "img_1")
    names = (*names, "caf\u00e9", "cafe\u0301")
    for number, name in enumerate((*names, "x" * 240)):
        for word in ("mug", "猫"):
            (tmp_path / "photos" / word).mkdir(parents=True, exist_ok=True)
            (tmp_path / "photos" / word / f"{name}.png").write_bytes(png(disc(number)))
    (tmp_path / "photos" / "mug" / "IMG_1.jpg").write_bytes(jpeg(1))  # a second suffix
    out = run(tmp_path / "photos", tmp_path / "out")
    assert len(subjects(out)) == 23 and not rows(out / "quarantine.csv")
    files = {row["file_name"].lower() for row in rows(out / "metadata.csv")}
    assert len(files) == 23 and all(name.isascii() for name in files)


def test_the_order_of_imports_goes_by_names_of_the_source(root: Path, tmp_path: Path) -> None:
    """A twin of a name, which adds a digest to it, moves no other subject."""
    first = set(subjects(run(root, tmp_path / "out", subjects=3)))
    for path in (root / "mug" / "P-0.jpg", root / "masks" / "mug" / "P-0.png"):
        twin = path.with_name(path.name.replace("P", "p"))
        path.write_bytes(twin.read_bytes())
    assert first - set(subjects(run(root, tmp_path / "out", subjects=4))) == set()


@pytest.mark.parametrize("table", ["captions.csv", "metadata.csv", "metadata.jsonl"])
def test_tables_in_folders_are_read(tmp_path: Path, table: str) -> None:
    for folder in ("train/mug", "train/cup", "test"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        (tmp_path / "photos" / folder / "0.jpg").write_bytes(jpeg(len(folder)))
    lines = {"train/mug": ("0.jpg", "a red mug", ""), "test": ("./0.jpg", "a tree", "Tree")}
    for folder, (name, caption, word) in lines.items():
        text = f"file_name,text,class\n{name},{caption},{word}\n"
        if table.endswith("jsonl"):
            text = f'{{"file_name": "{name}", "text": "{caption}", "class": "{word}"}}\n'
        (tmp_path / "photos" / folder / table).write_text(text)
    out = run(tmp_path / "photos", tmp_path / "out")
    assert subjects(out) == {
        "train/mug/0.jpg": ("mug", "a red mug"),
        "train/cup/0.jpg": ("cup", "a cup"),
        "test/0.jpg": ("tree", "a tree"),
    }


def test_names_of_splits_are_no_class_words(tmp_path: Path) -> None:
    for folder in ("train", "validation/mug", "test/images"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        (tmp_path / "photos" / folder / "0.jpg").write_bytes(jpeg(len(folder)))
    out = run(tmp_path / "photos", tmp_path / "out")
    assert subjects(out) == {"validation/mug/0.jpg": ("mug", "a mug")}
    assert {row["reason"] for row in rows(out / "quarantine.csv")} == {"no class word"}
    (tmp_path / "photos" / "car").mkdir()  # among toys, a train is one
    (tmp_path / "photos" / "car" / "0.jpg").write_bytes(jpeg(9))
    assert "train/0.jpg" in subjects(run(tmp_path / "photos", tmp_path / "out"))


def test_masks_of_equal_names_in_any_folder(tmp_path: Path) -> None:
    for word, left in (("cat", 0), ("dog", 20)):
        folder = tmp_path / "photos" / word
        (folder / "masks").mkdir(parents=True)
        (folder / "00.jpg").write_bytes(jpeg(left))
        (folder / "masks" / "00.png").write_bytes(png(disc(left)))
    out = run(tmp_path / "photos", tmp_path / "out", resolution=48)
    assert set(subjects(out)) == {"cat/00.jpg", "dog/00.jpg"}
    planes = [one.mask.read_bytes() for one in load_subjects(out).subjects]
    assert planes[0] != planes[1]


def test_all_that_is_skipped_is_counted(root: Path, tmp_path: Path) -> None:
    (root / "mug" / "photo.HEIC").write_bytes(b"x")
    (root / "mug" / "lost.txt").write_text("a caption")
    (root / "mug" / "metadata.csv").write_text("file_name,text\np-0.jpg,one\ngone.jpg,two\n")
    (root / "mug" / "metadata.jsonl").write_text("")
    (root / "masks" / "mug" / "lost.png").write_bytes(png(disc(1)))
    (root / "mug" / "link.jpg").symlink_to("/etc/passwd")
    os.mkfifo(root / "mug" / "pipe.jpg")
    (root / "glasses" / "p-0.txt").write_bytes("caf\u00e9".encode("latin-1"))
    os.truncate(root / "glasses" / "p-0.txt", 3 << 30)
    (root / "glasses" / "p-1.txt").write_bytes("caf\u00e9".encode("latin-1"))
    (root / "Toy_Car" / "p-1.txt").write_text("['a car', 'a toy']")
    (root / "Toy_Car" / "p-0.txt").write_text("a\tred\x1b car\n", encoding="utf-16")
    out = run(root, tmp_path / "out")
    assert {row["file"]: row["reason"] for row in rows(out / "quarantine.csv")} == {
        "mug/photo.HEIC": "no picture",
        "mug/lost.txt": "no picture",
        "mug/gone.jpg": "missing image",
        "mug/metadata.jsonl": "unused table",
        "masks/mug/lost.png": "mask of no picture",
        "mug/link.jpg": "link",
        "mug/pipe.jpg": "no regular file",
        "glasses/p-0.jpg": "broken caption",
        "glasses/p-1.jpg": "broken caption",
        "Toy_Car/p-1.jpg": "broken caption",
    }
    assert subjects(out)["Toy_Car/p-0.jpg"] == ("toy car", "a red car")
    assert subjects(out)["mug/p-0.jpg"] == ("mug", "one")


def test_a_table_may_write_accents_otherwise_than_the_disk(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cafe\u0301.jpg").write_bytes(jpeg(1))
    (tmp_path / "photos" / "captions.csv").write_text("file_name,class\ncaf\u00e9.jpg,mug\n")
    assert len(subjects(run(tmp_path / "photos", tmp_path / "out"))) == 1


@pytest.mark.parametrize("word", ["['mug', 'cup']", '{"a": 1}', "7", "", "x" * 201, "猫" * 70])
def test_what_is_no_class_word_is_set_aside(root: Path, tmp_path: Path, word: str) -> None:
    with open(root / "captions.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file_name", "class_word"), ("masks.jpg", word)])
    (root / "masks.jpg").write_bytes(jpeg(1))
    (root / "masks" / "masks.png").write_bytes(png(disc(1)))
    out = run(root, tmp_path / "out")
    assert [(row["file"], row["reason"]) for row in rows(out / "quarantine.csv")] == [
        ("masks.jpg", "no class word")
    ]


def test_photos_in_no_folder_have_the_class_word_of_the_section(root: Path, tmp_path: Path) -> None:
    photos = tmp_path / "mine"
    (photos / "ball").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "ball/c.jpg"):
        (photos / name).write_bytes(jpeg(len(name)))
    source = {"kind": "images", "path": str(photos), "class_word": "mug"}
    import_subjects(source=source, out=tmp_path / "out", resolution=32, subjects=None, seed=3)
    words = {one.subject: one.class_word for one in load_subjects(tmp_path / "out").subjects}
    assert words == {"a": "mug", "b": "mug", "ball_c": "ball"}
