"""The digest of what a data file says: comments and layout do not count, every value does."""

import pytest

from toffee.provenance.content import content_digest
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest
from toffee.runtime.project import PROJECT


def digest(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return content_digest(path)


@pytest.mark.parametrize(
    ("name", "text", "same", "other"),
    [
        ("a.yaml", "a: [x, y]\n", "# note\na:\n  - x\n  - y  # why\n", "a: [y, x]\n"),
        ("a.yaml", "a: 1\n", "a:   1\n", "a: '1'\n"),
        ("a.yaml", "a: 1\nb: 2\n", "a: 1\n\nb: 2\n", "b: 2\na: 1\n"),
        ("a.csv", 'x,y\n1,"2"\n', "x,y\r\n1,2\r\n\r\n", "x,y\n1,3\n"),
        ("a.csv", "x,y\n1,\n", "\ufeffx,y\n1,\n", "x,y\n1\n"),
        ("a.txt", "mug\nred car\n", "# ours\n\nmug # cup\n red  car\n", "red car\nmug\n"),
        ("a.bin", "# a\n", "# a\n", "# b\n"),
    ],
)
def test_values_count_and_layout_does_not(tmp_path, name, text, same, other):
    assert digest(tmp_path, name, text) == digest(tmp_path, name, same)
    assert digest(tmp_path, name, text) != digest(tmp_path, name, other)


BOMB = "\n".join(["a: &a0 [x, x, x]", *(f"b{n}: &a{n + 1} [*a{n}, *a{n}]" for n in range(40))])
"""A kilobyte that says 3 * 2**40 words."""


@pytest.mark.parametrize(
    "text",
    [
        *("a: [", b"\xff\xfe", "a: &a [*a", "[" * 5000, "a: !!timestamp x"),
        *("a: &a [1]\nb: *a\n", BOMB, "a: 1\n" + "# note\n" * 30_000),
    ],
)
def test_what_cannot_be_parsed_counts_by_its_bytes(tmp_path, text):
    assert digest(tmp_path, "a.yaml", text) == file_digest(tmp_path / "a.yaml")


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_a_large_list_counts_by_its_bytes(tmp_path, name):
    assert digest(tmp_path, name, "a\n" * 600_000) == file_digest(tmp_path / name)


def test_no_data_file_of_the_repository_counts_by_its_bytes():
    """But for the layers and the catalogue of models, which no rule reads as data."""
    folders = (PROJECT / "config" / name for name in ("prompts", "published"))
    found = [path for one in folders for path in one.iterdir() if path.suffix != ".md"]
    assert len(found) > 6
    for path in found:
        assert content_digest(path) != file_digest(path), path


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ToffeeError, match=r"absent\.yaml"):
        content_digest(tmp_path / "absent.yaml")
