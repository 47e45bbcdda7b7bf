"""Subjects that the base model draws: the tiny scale's models, in the tiny scale's words."""

import csv
from pathlib import Path

import pytest

from toffee.config.settings import Sampling
from toffee.data.importers import collect as collecting
from toffee.data.loaders.classes import classes_of_sequences, read_classes
from toffee.data.loaders.images import read_mask
from toffee.data.loaders.subjects import load_subjects
from toffee.models.folders import SegmenterModels
from toffee.runtime.errors import ToffeeError
from toffee.synthesis.drawn_subjects import _items, draw_subjects

ZOO = Path(__file__).resolve().parents[3] / "workflow" / "zoo"
SETTINGS = {"per_class": 2, "subjects": None, "licence": "Apache-2.0", "resolution": 64}
SETTINGS |= {"sampling": Sampling(6, 3.0), "batch": 3, "seed": 0}


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    path = tmp_path / "classes.txt"
    path.write_text("# some\nball\n\ncrate  # a box\nhouse\n")
    return path


def run(classes: Path, out: Path, **changes) -> Path:
    draw_subjects(
        classes=classes,
        multiview=None,
        text_to_image=ZOO / "text_to_image",
        segmenters=SegmenterModels(ZOO / "segmenter"),
        out=out,
        **(SETTINGS | changes),
    )
    return out


def content(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*.*")}


def test_the_loader_reads_what_was_drawn(classes: Path, tmp_path: Path) -> None:
    folder = load_subjects(run(classes, tmp_path / "out"))
    with open(tmp_path / "out" / "quarantine.csv", newline="") as file:
        aside = list(csv.DictReader(file))
    assert len(folder) + len(aside) == 6 and len(folder) >= 4
    assert {row["reason"] for row in aside} <= {"empty mask"}
    assert {one.class_word for one in folder.subjects} == {"ball", "crate", "house"}
    for one in folder.subjects:
        assert one.subject.startswith(f"{one.class_word}_0000")
        assert 0.01 < read_mask(one.mask).float().mean() < 0.9
    with open(tmp_path / "out" / "metadata.csv", newline="") as file:
        assert {row["licence"] for row in csv.DictReader(file)} == {"Apache-2.0"}


def test_a_killed_job_ends_with_equal_bytes(classes: Path, tmp_path: Path, monkeypatch) -> None:
    whole = content(run(classes, tmp_path / "whole"))
    note, seen = collecting._Work._note, []

    def killed(self, name, *arguments, **keywords):
        note(self, name, *arguments, **keywords)
        seen.append(name)
        if len(seen) == 4:  # in the middle of a batch
            raise KeyboardInterrupt

    monkeypatch.setattr(collecting._Work, "_note", killed)
    with pytest.raises(KeyboardInterrupt):
        run(classes, tmp_path / "out")
    assert content(run(classes, tmp_path / "out")) == whole
    assert len(seen) == len(set(seen)) == 6


def test_what_no_segmenter_finds_is_set_aside(classes: Path, tmp_path: Path, monkeypatch) -> None:
    from toffee.synthesis import drawn_subjects

    load = drawn_subjects.load_segmenter

    def blind(*folders):
        segmenter = load(*folders)
        sees = segmenter.segment

        def segment(images, words):
            masks = sees(images, words)
            masks[[word == "crate" for word in words]] = False
            return masks

        segmenter.segment = segment
        return segmenter

    monkeypatch.setattr(drawn_subjects, "load_segmenter", blind)
    folder = load_subjects(run(classes, tmp_path / "out"))
    assert {one.class_word for one in folder.subjects} == {"ball", "house"}
    with open(tmp_path / "out" / "quarantine.csv", newline="") as file:
        found = {(row["file"], row["reason"]) for row in csv.DictReader(file)}
    assert {(f"images/crate_0000{n}.jpg", "empty mask") for n in range(2)} <= found


def test_a_limit_takes_classes_in_turns(classes: Path, tmp_path: Path) -> None:
    folder = load_subjects(run(classes, tmp_path / "out", subjects=3, per_class=9, batch=2))
    assert len(folder) == 3 and len({one.class_word for one in folder.subjects}) >= 2


def test_lists_of_classes(classes: Path, tmp_path: Path) -> None:
    assert read_classes(classes) == ["ball", "crate", "house"]
    classes.write_text("ball\nBall\n")
    with pytest.raises(ToffeeError, match="classes.txt, line 2: ball stands there twice"):
        read_classes(classes)
    classes.write_text("# nothing\n")
    with pytest.raises(ToffeeError, match="classes.txt: no class word"):
        read_classes(classes)
    with pytest.raises(ToffeeError, match="cannot read .*none.txt"):
        read_classes(tmp_path / "none.txt")


def test_living_things_are_drawn_in_postures_and_classes_come_from_the_sequences(
    tmp_path: Path,
) -> None:
    for name in ("ball", "toy_car"):
        (tmp_path / "multiview" / name / "a").mkdir(parents=True)
    (tmp_path / "living.txt").write_text("dog\nball\n")
    words = classes_of_sequences(tmp_path / "multiview")
    items = _items(words, read_classes(tmp_path / "living.txt"), 2)
    prompts = [one.prompt for one in items]
    assert [one.word for one in items] == ["ball", "toy car", "dog"] * 2
    assert (
        prompts[1] == prompts[4] == "a photo of a toy car, centred, in full view, plain background"
    )
    assert prompts[2] != prompts[5] and prompts[2].startswith(
        "a photo of a dog standing, seen from"
    )
