"""The work folder: kept for the same work, thrown away for any other, gone at the end."""

import os
import signal

import pytest

from toffee.runtime.signals import interrupted, raise_on_sigterm
from toffee.storage.work_folder import IDENTITY, Alone, work_folder


def use(tmp_path, settings, fail: bool = True) -> bool:
    """Whether the folder had something in it; leaves something."""
    folder = tmp_path / "model.partial"
    had = (folder / "kept").exists()
    try:
        with work_folder(tmp_path / "model", [tmp_path / "input"], settings, Alone()) as given:
            assert given == folder and (folder / IDENTITY).is_file()
            had = (given / "kept").exists()
            (given / "kept").touch()
            if fail:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    return had


@pytest.fixture(autouse=True)
def content(tmp_path):
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "a").write_text("one")


def test_it_is_kept_for_the_same_work_and_removed_at_the_end(tmp_path):
    assert not use(tmp_path, {"steps": 3})
    assert use(tmp_path, {"steps": 3})
    os.utime(tmp_path / "input" / "a", (1, 1))  # content counts, not time
    assert use(tmp_path, {"steps": 3}, fail=False)
    assert [path.name for path in tmp_path.iterdir()] == ["input"]


@pytest.mark.parametrize("change", ["settings", "input", "mark"])
def test_one_of_other_work_is_thrown_away_with_one_line(tmp_path, capsys, change):
    use(tmp_path, {"steps": 3})
    if change == "input":
        (tmp_path / "input" / "a").write_text("two")
    if change == "mark":
        (tmp_path / "model.partial" / IDENTITY).unlink()
    assert not use(tmp_path, {"steps": 4 if change == "settings" else 3})
    line = f"{tmp_path}/model.partial: made from other inputs, settings or code; removed\n"
    assert capsys.readouterr().err == line


def test_what_a_killed_process_was_writing_goes(tmp_path):
    use(tmp_path, {})
    torn = tmp_path / "model.partial" / ".checkpoint.0123abcd.tmp.safetensors"
    torn.write_text("half")
    assert use(tmp_path, {}) and not torn.exists()


def test_sigterm_waits_until_the_work_asks(tmp_path):
    with raise_on_sigterm(), work_folder(tmp_path / "model", [], {}, Alone()):
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupted()
