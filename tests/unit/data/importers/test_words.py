"""Names: class words as prompts have them, files as every system takes them."""

import re

import pytest

from toffee.config.sources import (
    HubSubjects,
    ImageSubjects,
    MVImgNetViews,
    Subjects200K,
    SynCDViews,
    UCO3DViews,
)
from toffee.data.importers import subjects, views
from toffee.data.importers.archives import is_below
from toffee.data.importers.words import class_word, file_name, file_names, folder_name


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("toy_car", "toy car"),
        ("Toy butterfly ", "toy butterfly"),
        ("Adapter(Water pipe)", "adapter"),
        ("flip-flop_(sandal)", "flip-flop"),
        ("chicken_(animal)", "chicken"),
        ("monitor_(computer_equipment) computer_monitor", "computer monitor"),
        ("pan_(for_cooking)", "pan"),
        ("pan_(metal_container)", "metal pan"),
        ("(toy)", "toy"),
        ("child's  toy", "child's toy"),
        ("wahser", "washer"),
        ("café", "café"),
        ("Cafe\u0301", "café"),
        ("猫", "猫"),
        ("कुत्ता", "कुत्ता"),
        ("kid’s toy", "kid's toy"),
        ("7", ""),
        ("\u0301", ""),
        ("'-'", ""),
        ("../..", ""),
        ("__", ""),
    ],
)
def test_class_words(text, word):
    assert class_word(text) == word
    assert class_word(folder_name(word)) == word, "as the loader reads the folder's name"


@pytest.mark.parametrize(
    "texts",
    [
        ["mug/Dog", "mug/dog", "mug/DOG"],
        ["mug/照片一", "mug/照片二", "mug/caf\u00e9", "mug/cafe\u0301", "mug/cafe"],
        ["mug/a b", "mug/a_b", "mug/a+b", "mug_a/b"],
        ["x" * 200 + "1", "x" * 200 + "2"],
        ["a b", file_names({"a b": "a b"})["a b"]],
        ["..", "...", "", "_", "con", "CON.x", "aux"],
    ],
)
def test_no_two_texts_have_one_file_name(texts):
    """Not on a disk that does not tell capitals from small letters, and in any order."""
    names = file_names({text: text for text in texts})
    assert len({name.lower() for name in names.values()}) == len(texts)
    assert names == file_names({text: text for text in reversed(texts)})
    for name in names.values():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name), name


def test_a_plain_name_is_kept():
    texts = ["mug/IMG-1", "1-11-21", "00000001", "mug/a.b_c"]
    assert list(file_names({one: one for one in texts}).values()) == [
        "mug_IMG-1",
        "1-11-21",
        "00000001",
        "mug_a.b_c",
    ]


def test_names_of_files_leave_no_folder():
    assert file_name("a/b c") == "a_b_c" and file_name("../../x") == "x"
    assert file_name("..") == "unnamed"


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "C:\\a", "C:/a", "a\\..\\b"])
def test_members_that_leave_the_folder(name):
    assert not is_below(name) and is_below("0/a..b/images/001.jpg")


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (ImageSubjects, subjects.KEYS["images"]),
        (HubSubjects, subjects.KEYS["hub"]),
        (Subjects200K, subjects.KEYS["subjects200k"]),
        (SynCDViews, views.KEYS["syncd"]),
        (MVImgNetViews, views.KEYS["mvimgnet"]),
        (UCO3DViews, views.KEYS["uco3d"]),
    ],
)
def test_an_import_takes_what_the_configuration_has(model, keys):
    assert set(model.model_fields) == set(keys)
