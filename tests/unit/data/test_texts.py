"""Texts and tables from elsewhere: their encodings, their sizes, and cells that are no text."""

import os
from pathlib import Path

import pytest

from toffee.data.tables import read_table
from toffee.data.texts import LARGEST, read_text, read_yaml
from toffee.runtime.errors import ToffeeError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_that_say_which_they_are(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes("un café 猫".encode(encoding))
    assert read_text(tmp_path / "a.txt") == "un café 猫"


@pytest.mark.parametrize("encoding", ["latin-1", "gbk", "utf-16-le", "utf-16-be"])
def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("file_name,class_word\r\né.jpg,mug\r\n".encode(encoding))
    with pytest.raises(ToffeeError, match=r"a.csv: .*expected UTF-8"):
        read_table(tmp_path / "a.csv", ("file_name",))


def test_what_has_no_end_is_not_read_to_it(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"")
    os.truncate(tmp_path / "large.txt", 3 << 30)
    os.mkfifo(tmp_path / "pipe.txt")
    for path, line in (
        (tmp_path / "large.txt", f"more than {LARGEST} bytes"),
        (tmp_path / "pipe.txt", "expected a file, found a pipe"),
        (Path("/dev/zero"), "found a device"),
        (tmp_path / "none.txt", "No such file"),
        (tmp_path / ("x" * 300), "File name too long"),
        (Path("nul\0"), "null"),
    ):
        with pytest.raises(ToffeeError, match=line):
            read_text(path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: " + "[" * 20_000, "nested too deeply"),
        ("a: " + "9" * 6_000, "4300 digits"),
        ("a: &x [1]\nb: *x\n", "an alias"),
        ("a: [", "not valid YAML"),
        ("!!python/object:os.system x", "not valid YAML"),
        ('a: "\\ud800"', "surrogates not allowed"),
        ("x" * 200_000, "more than"),
    ],
)
def test_yaml_that_would_be_slow_or_large(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ToffeeError, match=f"a.yaml: .*{line}"):
        read_yaml(tmp_path / "a.yaml")


def test_half_a_character_is_no_text(tmp_path: Path) -> None:
    """JSON can name one; written to a table it would be an error without a file's name."""
    (tmp_path / "a.jsonl").write_text('{"file_name": "a.jpg", "caption": "a \\ud800 mug"}\n')
    with pytest.raises(ToffeeError, match=r"a.jsonl, row 1: column caption has \\ud800, which is"):
        read_table(tmp_path / "a.jsonl", ("file_name",), ("caption",))


def test_rows_of_both_formats(tmp_path: Path) -> None:
    expected = [{"file_name": "a.jpg", "caption": "a red, white mug"}]
    expected.append({"file_name": "b.jpg", "caption": ""})
    (tmp_path / "a.csv").write_text(
        'file_name,text,other\na.jpg," a red, white mug",1\n\nb.jpg\n', encoding="utf-8-sig"
    )
    (tmp_path / "a.jsonl").write_text(
        '{"file_name": "a.jpg", "text": "a red, white mug", "other": [1]}\n\n'
        '{"file_name": "b.jpg", "text": null}\n'
    )
    for name in ("a.csv", "a.jsonl"):
        found = read_table(tmp_path / name, ("file_name",), ("caption",), {"text": "caption"})
        assert found == expected


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.csv", "", "cannot be read"),
        ("a.csv", "name\n", "column file_name is missing"),
        ("a.csv", "file_name,text,text\n", "column text is there twice"),
        ("a.csv", "file_name,text\na,b,c\n", "row 1: 3 cells, expected 2"),
        ("a.csv", 'file_name\n"a', "line 2: not a CSV file"),
        ("a.csv", f"file_name\n{'x' * 200_000}\n", "not a CSV file: field larger"),
        ("a.jsonl", "[1]", "row 1: no mapping"),
        ("a.jsonl", '{"file_name": "a"', "row 1: cannot be read"),
        ("a.jsonl", '{"file_name": "a"}\n{"text": "b"}', "row 2: column file_name is missing"),
        ("a.jsonl", "[" * 100_000, "row 1: cannot be read"),
        ("a.jsonl", '{"file_name": ' + "9" * 6_000 + "}", "row 1: cannot be read"),
        ("a.jsonl", '{"file_name": "a", "text": ["b"]}', "row 1: column text is a list"),
        ("a.jsonl", '{"file_name": "a", "text": {"b": 1}}', "column text is a mapping"),
        ("a.jsonl", '{"file_name": "a", "text": 12}', "column text is a number"),
        ("a.jsonl", '{"file_name": "a", "text": 1.5}', "column text is a number"),
        ("a.jsonl", '{"file_name": "a", "text": true}', "column text is true or false"),
        ("a.jsonl", '{"file_name": 7}', "column file_name is a number"),
    ],
)
def test_a_malformed_table_is_one_line(tmp_path: Path, name: str, text: str, line: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ToffeeError, match=f"{name}.*{line}") as raised:
        read_table(tmp_path / name, ("file_name",), ("caption",), {"text": "caption"})
    assert "\n" not in str(raised.value)
