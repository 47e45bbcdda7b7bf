"""Which mask belongs to which picture: by its path, then by its name, and never by a guess."""

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.subjects import load_subjects
from toffee.data.masks import Masks, NoMask, masks_beside
from toffee.runtime.errors import ToffeeError


@pytest.mark.parametrize(
    ("pictures", "masks", "found"),
    [
        (["b.jpg"], ["b.png"], ["b.png"]),
        (["b.jpg"], ["b.jpg.png"], ["b.jpg.png"]),
        (["b.jpg"], ["b.PNG"], ["b.PNG"]),
        (["images/b.jpg"], ["b.png"], ["b.png"]),
        (["images/cat/b.jpg"], ["cat/b.png"], ["cat/b.png"]),
        (["images/b.jpg"], ["images/b.png"], ["images/b.png"]),
        (
            ["cat/0.jpg", "dog/0.jpg"],
            ["cat/0.png", "dog/0.png"],
            ["cat/0.png", "dog/0.png"],
        ),
        (["cat/0.jpg", "dog/1.jpg"], ["0.png", "1.jpg.png"], ["0.png", "1.jpg.png"]),
        # A bare name belongs to the picture at the root, and to no other one.
        (["0.jpg", "cat/0.jpg"], ["0.png"], ["0.png", None]),
        (["cat/0.jpg", "dog/0.jpg"], ["0.png"], [None, None]),
        (["cat/0.jpg", "dog/0.jpg"], ["cat/0.png", "0.png"], ["cat/0.png", None]),
        # Two pictures that differ in their suffix alone.
        (["b.jpg", "b.png"], ["b.png"], [None, None]),
        (["b.jpg", "b.png"], ["b.jpg.png", "b.png.png"], ["b.jpg.png", "b.png.png"]),
        ([unicodedata.normalize("NFC", "café.jpg")], ["cafe\u0301.png"], ["cafe\u0301.png"]),
    ],
)
def test_the_mask_of_a_picture(pictures, masks, found):
    known = Masks(pictures, masks)
    for picture, expected in zip(pictures, found, strict=False):
        if expected is None:
            with pytest.raises(NoMask):
                known.of(picture)
        else:
            assert known.of(picture) == expected


def test_masks_that_nobody_has():
    known = Masks(["a.jpg"], ["a.png", "b.png", "a.jpg"])
    known.of("a.jpg")
    assert known.left() == ["a.jpg", "b.png"]


def disc(path: Path, mode: str = "1") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.new("1", (16, 16), 0)
    mask.paste(1, (4, 4, 12, 12))
    mask.convert(mode).save(path)


def test_every_loader_finds_them_by_the_same_rule(tmp_path: Path) -> None:
    for name in ("cat/00", "dog/00"):
        disc(tmp_path / "subjects" / f"{name}.png", "RGB")
        disc(tmp_path / "subjects" / "masks" / f"{name}.png")
    (tmp_path / "subjects" / "metadata.csv").write_text(
        "file_name,subject,class_word,caption\ncat/00.png,c,cat,\ndog/00.png,d,dog,\n"
    )
    folder = load_subjects(tmp_path / "subjects")
    assert [folder.relative(one.mask) for one in folder.subjects] == [
        "masks/cat/00.png",
        "masks/dog/00.png",
    ]
    (tmp_path / "subjects" / "masks" / "dog" / "00.png").unlink()
    disc(tmp_path / "subjects" / "masks" / "00.png")
    folder = load_subjects(tmp_path / "subjects")
    assert [one.subject for one in folder.subjects] == ["c"], "00.png could be the cat's"
    assert {(one.file, one.reason) for one in folder.quarantine} == {
        ("dog/00.png", "missing mask"),
        ("masks/00.png", "mask of no picture"),
    }

    views = tmp_path / "views" / "ball" / "0"
    dog = tmp_path / "bench" / "dataset" / "dog"
    for number in range(2):
        disc(views / "images" / f"{number}.jpg", "RGB")
        disc(views / "masks" / f"{number}.jpg.png")
        disc(dog / f"{number}.jpg", "RGB")
        disc(dog / "masks" / f"{number}.jpg.png")
    (dog.parent / "prompts_and_classes.txt").write_text(
        "Classes\n\nsubject_name,class\ndog,dog\n\nPrompts\n\nObject Prompts\n\nprompt_list = [\n"
        "'a {0} {1}'.format(unique_token, class_token)\n]\n"
    )
    names = ["0.jpg.png", "1.jpg.png"]
    assert [mask.name for mask in load_multiview(tmp_path / "views")[0].masks] == names
    assert [mask.name for mask in load_benchmark(tmp_path / "bench").subjects[0].masks] == names
    disc(dog / "0.png", "RGB")  # a second picture called 0
    disc(dog / "masks" / "0.png")
    with pytest.raises(ToffeeError, match=r"0.png: no mask, masks/0.png could be that of several"):
        masks_beside(dog, [dog / "0.jpg", dog / "0.png"])
