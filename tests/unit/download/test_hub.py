"""What a hub answers is checked before it is used."""

import json

import pytest

from toffee.download.hub import RemoteFile, look_up
from toffee.runtime.errors import ToffeeError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD = {"rfilename": "a.safetensors", "size": 3, "lfs": {"sha256": "0" * 64}}


class Answer:
    def __init__(self, text: str) -> None:
        self.text = text

    def json(self):
        return json.loads(self.text)


@pytest.fixture
def answered(monkeypatch):
    from huggingface_hub import constants, utils

    def answered(text: str):
        monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
        monkeypatch.setattr(utils, "http_backoff", lambda *_, **__: Answer(text))
        monkeypatch.setattr(utils, "hf_raise_for_status", lambda _: None)
        return look_up("owner/name", COMMIT, [])

    return answered


def listing(*files: dict, sha: object = COMMIT) -> str:
    return json.dumps({"sha": sha, "siblings": list(files)})


def test_a_listing(answered) -> None:
    found = answered(listing(GOOD, {"rfilename": "b/c.json", "size": 0, "lfs": None}))
    assert found.files == {
        "a.safetensors": RemoteFile(3, "0" * 64),
        "b/c.json": RemoteFile(0),
    }


@pytest.mark.parametrize(
    "file",
    [
        GOOD | {"size": None},
        GOOD | {"size": -1},
        GOOD | {"size": float("nan")},
        GOOD | {"size": float("inf")},
        GOOD | {"size": 3.5},
        GOOD | {"size": "3"},
        GOOD | {"size": True},
        GOOD | {"size": 10**30},
        GOOD | {"rfilename": None},
        GOOD | {"rfilename": "a\0b"},
        GOOD | {"rfilename": "a\x1b[31m"},
        GOOD | {"rfilename": "x" * 5000},
        GOOD | {"lfs": {"sha256": 3}},
        GOOD | {"lfs": [1]},
        {"rfilename": "a"},
    ],
)
def test_files_that_are_none_are_one_line(answered, file: dict) -> None:
    with pytest.raises(ToffeeError, match="does not answer as a hub") as raised:
        answered(listing(file))
    assert len(str(raised.value)) < 400 and str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (listing(), "the hub lists no file"),
        (listing(GOOD, sha=None), "does not answer as a hub"),
        (listing(GOOD, sha="f" * 40), "answers for revision"),
        ('{"siblings": null, "sha": "x"}', "does not answer as a hub"),
        ("[]", "does not answer as a hub"),
        ("null", "does not answer as a hub"),
        ("[" * 100_000, "does not answer as a hub"),
        ('{"sha": ' + "9" * 6000 + "}", "does not answer as a hub"),
    ],
)
def test_answers_that_are_none_are_one_line(answered, text: str, line: str) -> None:
    with pytest.raises(ToffeeError, match=line):
        answered(text)
