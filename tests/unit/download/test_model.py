"""Base models arrive whole, checked and in safe formats, or not at all: those of the zoo.

Those of a hub: tests/hub.
"""

import errno
import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from toffee.download.model import fetch_model, write_manifest
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest

WEIGHTS = b"weights of a small model"


@pytest.fixture
def zoo(tmp_path):
    root = tmp_path / "zoo"
    (root / "clip" / "text").mkdir(parents=True)
    (root / "clip" / "config.json").write_text("{}")
    (root / "clip" / "text" / "model.safetensors").write_bytes(WEIGHTS)
    write_manifest(root, {"clip": {"seed": 3, "steps": 10}})
    return root


def fetch(zoo, out, part="clip"):
    fetch_model(role=part, source={"zoo": part}, zoo=zoo, lock=None, out=out)


def left_over(folder):
    return [path.name for path in folder.iterdir() if path.name != "zoo"]


def test_a_model_arrives_whole(zoo, tmp_path):
    out = tmp_path / "models" / "clip"
    fetch(zoo, out)
    assert (out / "text" / "model.safetensors").read_bytes() == WEIGHTS
    assert (out / "config.json").is_file()
    assert left_over(out.parent) == ["clip"]


def test_the_manifest_records_digest_size_and_training(zoo):
    part = json.loads((zoo / "manifest.json").read_text())["parts"]["clip"]
    assert part["seed"] == 3 and part["steps"] == 10
    assert part["files"]["text/model.safetensors"] == {
        "sha256": file_digest(zoo / "clip" / "text" / "model.safetensors"),
        "size": len(WEIGHTS),
    }


def test_a_wrong_digest_is_refused(zoo, tmp_path):
    path = zoo / "clip" / "text" / "model.safetensors"
    expected = file_digest(path)
    path.write_bytes(WEIGHTS[:-1] + b"L")
    with pytest.raises(ToffeeError) as raised:
        fetch(zoo, tmp_path / "clip")
    assert str(raised.value) == (
        f"clip: text/model.safetensors has SHA-256 {file_digest(path)}, expected {expected}"
    )
    assert left_over(tmp_path) == []


def test_a_missing_file_is_named(zoo, tmp_path):
    (zoo / "clip" / "config.json").unlink()
    with pytest.raises(ToffeeError, match="clip/config.json is listed in .* but missing"):
        fetch(zoo, tmp_path / "clip")
    assert left_over(tmp_path) == []


def test_a_format_that_can_run_code_is_refused(zoo, tmp_path):
    (zoo / "clip" / "model.bin").write_bytes(b"pickle")
    with pytest.raises(ToffeeError, match="model.bin is none of .json, .txt, .safetensors"):
        write_manifest(zoo, {"clip": {}})


@pytest.mark.parametrize("name", ["../evil.json", "/evil.json"])
def test_a_path_outside_the_model_is_refused(zoo, tmp_path, name):
    manifest = json.loads((zoo / "manifest.json").read_text())
    manifest["parts"]["clip"]["files"][name] = {"sha256": "0" * 64, "size": 1}
    (zoo / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ToffeeError, match="expected a path inside the model"):
        fetch(zoo, tmp_path / "clip")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "cannot read .*manifest.json: No such file"),
        ("{", "is not a zoo manifest"),
        ('{"parts": {}}', "has no model clip"),
    ],
)
def test_a_broken_manifest_is_one_line(zoo, tmp_path, text, line):
    (zoo / "manifest.json").unlink()
    if text is not None:
        (zoo / "manifest.json").write_text(text)
    with pytest.raises(ToffeeError, match=line):
        fetch(zoo, tmp_path / "clip")


def test_room_is_checked_before_anything_is_copied(zoo, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))
    monkeypatch.setattr(shutil, "copyfile", lambda *args: pytest.fail("copied"))
    with pytest.raises(ToffeeError, match="has 0 MiB free, needs 64 MiB"):
        fetch(zoo, tmp_path / "clip")
    assert left_over(tmp_path) == []


def test_a_disk_that_fills_up_leaves_nothing(zoo, tmp_path, monkeypatch):
    def full(origin, target):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(ToffeeError, match="disk full while writing .*clip"):
        fetch(zoo, tmp_path / "clip")
    assert left_over(tmp_path) == []


def test_the_shipped_zoo_fits_its_manifest(tmp_path):
    root = Path(__file__).resolve().parents[3] / "workflow" / "zoo"
    parts = json.loads((root / "manifest.json").read_text())["parts"]
    listed = {root / part / name for part in parts for name in parts[part]["files"]}
    present = {path for path in root.glob("*/**/*") if path.is_file()}
    assert listed == present
    assert sum(path.stat().st_size for path in present) <= 40 * 2**20
    for part, record in parts.items():
        assert {"command", "seed", "steps", "losses"} <= record.keys(), part
        assert {"seconds", "cpu_seconds"} & record.keys(), part  # wall clock before, CPU now
        fetch(root, tmp_path / part, part)
