"""What a record says of the checkout that a job ran from."""

import os
import subprocess

import pytest

from toffee.provenance import machine


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow" / "run.py").write_text("print(1)\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first")
    monkeypatch.setattr(machine, "PROJECT", tmp_path)
    return tmp_path


def git(folder, *arguments):
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def state():
    return machine.git_state.__wrapped__()


def test_a_photo_of_the_users_is_no_change_and_code_is(checkout):
    (checkout / "photo.jpg").write_text("a photo")
    assert state()["changed"] is False and "diff" not in state()
    (checkout / "workflow" / "sitecustomize.py").write_text("print('hidden')\n")
    found = state()
    assert (
        found["changed"] and "untracked workflow/sitecustomize.py\nprint('hidden')" in found["diff"]
    )
    (checkout / "workflow" / "run.py").write_text("print(2)\n")
    assert "+print(2)" in state()["diff"] and "hidden" in state()["diff"]


def test_another_repository_in_the_environment_is_not_the_checkouts(
    checkout, tmp_path, monkeypatch
):
    """As git gives it to the hooks that it runs."""
    commit = state()["commit"]
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    assert state() == {"commit": commit, "changed": False}


@pytest.mark.skipif(os.getuid() != 0, reason="gives files to another")
def test_a_checkout_of_another_user_is_looked_at(checkout):
    commit = state()["commit"]
    for path in [checkout, *checkout.rglob("*")]:
        os.chown(path, 65534, 65534)
    assert state() == {"commit": commit, "changed": False}
    (checkout / "workflow" / "run.py").write_text("print(2)\n")
    assert state()["changed"]
