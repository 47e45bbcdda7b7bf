"""The digest of what a data file says: comments and layout do not count, every value does."""

import pytest

from toffee.provenance.content import content_digest
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest


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


@pytest.mark.parametrize("text", ["a: [", b"\xff\xfe", "a: &a [*a", "[" * 5000])
def test_what_cannot_be_parsed_counts_by_its_bytes(tmp_path, text):
    assert digest(tmp_path, "a.yaml", text) == file_digest(tmp_path / "a.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ToffeeError, match=r"absent\.yaml"):
        content_digest(tmp_path / "absent.yaml")
