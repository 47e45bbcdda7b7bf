"""Names: class words as prompts have them, files as every system takes them."""

import pytest

from toffee.config.sources import HubSubjects, ImageSubjects, MVImgNetViews, UCO3DViews
from toffee.data.importers import subjects, views
from toffee.data.importers.archives import is_below
from toffee.data.importers.words import class_word, file_name, folder_name


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("toy_car", "toy car"),
        ("Toy butterfly ", "toy butterfly"),
        ("Adapter(Water pipe)", "adapter water pipe"),
        ("flip-flop_(sandal)", "flip-flop sandal"),
        ("child's  toy", "child's toy"),
        ("wahser", "washer"),
        ("café", "café"),
        ("../..", ""),
        ("__", ""),
    ],
)
def test_class_words(text, word):
    assert class_word(text) == word
    assert class_word(folder_name(word)) == word, "as the loader reads the folder's name"


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
        (MVImgNetViews, views.KEYS["mvimgnet"]),
        (UCO3DViews, views.KEYS["uco3d"]),
    ],
)
def test_an_import_takes_what_the_configuration_has(model, keys):
    assert set(model.model_fields) == set(keys)
