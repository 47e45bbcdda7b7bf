"""The download of DreamBench from a git server: whole and right, or one line and nothing."""

import csv
import hashlib
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from toffee.data.loaders.dreambench import load_benchmark
from toffee.download import git as toffee_git
from toffee.download.dreambench import download_dreambench
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest

from .git_server import CREDIT, LICENCE, commit, git, serving, write_dataset

NOWHERE = "0" * 40


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> SimpleNamespace:
    """A repository whose commits are a good dataset (`good`) and spoilt ones."""
    root = tmp_path_factory.mktemp("served") / "dreambooth"
    root.mkdir()
    git(root, "init", "--quiet")
    write_dataset(root)
    commits = {"good": commit(root)}

    def spoilt(name, path, change):
        git(root, "checkout", "--quiet", "-B", name, commits["good"])
        change(root / "dataset" / path)
        commits[name] = commit(root)

    spoilt("broken", "cat/02.jpg", lambda path: path.write_bytes(path.read_bytes()[:-200]))
    spoilt("lost_subject", "thing03", shutil.rmtree)
    spoilt("lost_photo", "cat/02.jpg", Path.unlink)
    spoilt("unlicensed", "references_and_licenses.txt", drop_licence)
    spoilt("fewer_prompts", "prompts_and_classes.txt", drop_prompt)
    spoilt("linked", "cat/02.jpg", link)
    git(root, "checkout", "--quiet", "main")
    git(root, "config", "uploadpack.allowFilter", "true")
    git(root, "config", "uploadpack.allowAnySHA1InWant", "true")
    return SimpleNamespace(root=root, commits=commits)


def drop_licence(path):
    path.write_text(path.read_text().replace("thing07:", "thing77:"))


def drop_prompt(path):
    path.write_text(path.read_text().replace(LAST_ANIMAL, ""))


LAST_ANIMAL = ",\n'a {0} {1} animal 24'.format(unique_token, class_token)"


def link(path):
    path.unlink()
    path.symlink_to("/etc/hostname")


@pytest.fixture
def server(repository, monkeypatch):
    monkeypatch.setattr(toffee_git, "PATIENCE", (0, 0))
    monkeypatch.setattr(toffee_git, "BATCH", 40)
    with serving(repository.root.parent) as server:
        yield server


def fetch(server, revision, out, sha256=None):
    download_dreambench(f"{server.url}/dreambooth", revision, sha256, out)


def test_it_arrives_whole_with_its_digests_and_licences(repository, server, tmp_path):
    out, root = tmp_path / "benchmark", repository.root
    fetch(server, repository.commits["good"], out)
    assert [path.name for path in tmp_path.iterdir()] == ["benchmark"]
    found = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    given = {p.relative_to(root).as_posix() for p in (root / "dataset").rglob("*") if p.is_file()}
    assert found == given | {"LICENSE", "SHA256SUMS", "licences.csv"}
    for name in given:
        assert (out / name).read_bytes() == (root / name).read_bytes()
    assert (out / "LICENSE").read_bytes() == LICENCE.encode(), "no filter of a checkout"
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=out, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.count(": OK") == len(given) + 1
    benchmark = load_benchmark(out)
    assert len(benchmark) == 30 and len(benchmark.pairs()) == 750
    with open(out / "licences.csv", newline="") as file:
        rows = {(row["subject"], row["file"]): row for row in csv.DictReader(file)}
    assert len(rows) == 158
    flipped = rows["dog", "01.jpg"]
    assert (flipped["source"], flipped["credit"]) == ("00 flipped", CREDIT)
    assert flipped["licence"] == "Unsplash"
    assert rows["cat", "00.jpg"]["licence"] == "CC-BY-4.0"
    assert rows["dog", "04.jpg"]["licence"] == rows["dog", "04.jpg"]["source"] == ""


def test_a_known_digest_is_compared(repository, server, tmp_path):
    lines = [
        f"{file_digest(repository.root / name)}  {name}\n"
        for name in git(repository.root, "ls-files", "dataset", "LICENSE").splitlines()
    ]
    digest = hashlib.sha256("".join(sorted(lines, key=lambda x: x[66:])).encode()).hexdigest()
    fetch(server, repository.commits["good"], tmp_path / "a", digest)
    with pytest.raises(ToffeeError, match=f"has SHA-256 {digest}, expected 000000"):
        fetch(server, repository.commits["good"], tmp_path / "b", "0" * 64)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("broken", "dataset/cat/02.jpg: broken image .*, expected a whole JPEG"),
        ("lost_subject", "dataset/thing03: no such folder, expected the photos of thing03"),
        ("lost_photo", "dataset: 157 photos, expected DreamBench's 158"),
        ("unlicensed", "nothing about thing07, expected where it is from"),
        ("fewer_prompts", "dataset: 24 live subject prompts, expected DreamBench's 25"),
        ("linked", "dataset/cat/02.jpg is no plain file"),
    ],
)
def test_another_content_is_one_line_and_nothing_stays(repository, server, tmp_path, name, line):
    with pytest.raises(ToffeeError, match=line) as raised:
        fetch(server, repository.commits[name], tmp_path / "benchmark")
    assert repository.commits[name] in str(raised.value) and ".tmp" not in str(raised.value)
    assert not (tmp_path / "benchmark").exists()


def test_a_commit_that_is_not_there(server, tmp_path):
    with pytest.raises(ToffeeError, match=f"dreambooth has no commit {NOWHERE}"):
        fetch(server, NOWHERE, tmp_path / "benchmark")


def test_an_id_of_something_else_is_no_commit(repository, server, tmp_path):
    tree = git(repository.root, "rev-parse", f"{repository.commits['good']}^{{tree}}")
    with pytest.raises(ToffeeError, match=f"has no commit {tree}"):
        fetch(server, tree, tmp_path / "benchmark")


@pytest.mark.parametrize("status", [404, 401])
def test_a_repository_that_is_gone(repository, server, tmp_path, status):
    server.faults = [status] * 2
    line = "no repository at http://.*/dreambooth .*a copy of yours can be named in data.real"
    with pytest.raises(ToffeeError, match=line):
        fetch(server, repository.commits["good"], tmp_path / "benchmark")


def test_without_a_way_out(tmp_path):
    url = "https://nowhere.invalid/dreambooth"
    started = time.monotonic()
    with pytest.raises(ToffeeError, match=f"cannot fetch {url}: .*Could not resolve host.*copy of"):
        download_dreambench(url, NOWHERE, None, tmp_path / "benchmark")
    assert time.monotonic() - started < sum(toffee_git.PATIENCE), "waiting does not help"


def test_without_git(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToffeeError, match="git is not installed"):
        download_dreambench("https://nowhere.invalid/a", NOWHERE, None, tmp_path / "benchmark")


def test_without_room(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 200_000_000))
    with pytest.raises(ToffeeError, match="191 MiB free, needs 277 MiB"):
        download_dreambench("https://nowhere.invalid/a", NOWHERE, None, tmp_path / "benchmark")


def test_cut_connections_are_taken_up_again(repository, server, tmp_path):
    """Two answers in a row may break; what arrived whole before is not fetched again."""
    fetch(server, repository.commits["good"], tmp_path / "straight")
    straight, server.sent = server.sent, 0
    server.faults = ["", "", "cut", 503, "", "", "", "cut", "", 429]
    fetch(server, repository.commits["good"], tmp_path / "benchmark")
    assert not server.faults
    assert (tmp_path / "benchmark" / "licences.csv").is_file()
    assert server.sent < 1.3 * straight


def test_a_connection_that_stays_broken_keeps_what_arrived(repository, server, tmp_path):
    out = tmp_path / "benchmark"
    server.faults = [""] * 7 + ["cut"] * 6
    with pytest.raises(ToffeeError, match="cannot fetch http://.*what has arrived is kept"):
        fetch(server, repository.commits["good"], out)
    assert not out.exists() and (tmp_path / "benchmark.partial").is_dir()
    first, server.sent, server.faults = server.sent, 0, []
    fetch(server, repository.commits["good"], out)
    second, server.sent = server.sent, 0
    fetch(server, repository.commits["good"], tmp_path / "straight")
    assert first > 0.2 * server.sent and second < 0.9 * server.sent
    assert not (tmp_path / "benchmark.partial").exists()


def test_kills_lose_nothing_but_the_part_that_was_arriving(repository, server, tmp_path):
    out = tmp_path / "benchmark"
    call = f"download_dreambench({server.url + '/dreambooth'!r}, "
    call += f"{repository.commits['good']!r}, None, {str(out)!r})"
    code = f"from toffee.download.dreambench import download_dreambench; {call}"
    sizes = []
    for _ in range(2):
        before = server.sent
        running = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        while server.sent <= before + 20_000 and running.poll() is None:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()
        sizes.append(server.sent)
    assert not out.exists()
    fetch(server, repository.commits["good"], out)
    total, server.sent = server.sent, 0
    fetch(server, repository.commits["good"], tmp_path / "straight")
    assert total < 1.4 * server.sent, "each kill repeats a part of 20, and the list of files"
    sums = [file_digest(tmp_path / name / "SHA256SUMS") for name in ("benchmark", "straight")]
    assert sums[0] == sums[1]


def test_a_damaged_work_folder_is_thrown_away(repository, server, tmp_path):
    work = tmp_path / "benchmark.partial"
    git(tmp_path, "init", "--quiet", "--bare", str(work))
    (work / "config").write_text("[core\n")
    with pytest.raises(ToffeeError, match="was damaged .* and is removed: start again"):
        fetch(server, repository.commits["good"], tmp_path / "benchmark")
    fetch(server, repository.commits["good"], tmp_path / "benchmark")


def test_bytes_that_are_not_their_id_are_refused(repository, server, tmp_path, monkeypatch):
    """Were git's own check to fail, ours is there."""
    real = toffee_git._git

    def lying(work, *arguments, **options):
        content = real(work, *arguments, **options)
        spoilt = content.replace(b"Creative", b"Possible")
        return spoilt if arguments[:2] == ("cat-file", "--batch") else content

    monkeypatch.setattr(toffee_git, "_git", lying)
    with pytest.raises(ToffeeError, match=r"has git id [0-9a-f]{40}, expected [0-9a-f]{40}"):
        fetch(server, repository.commits["good"], tmp_path / "benchmark")
    assert not (tmp_path / "benchmark").exists()


def test_a_mirror_without_partial_fetches_serves_too(repository, tmp_path):
    """A bare clone on disk with git's default settings: everything comes at once."""
    mirror = tmp_path / "mirror.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository.root), str(mirror))
    url = f"file://{mirror}"
    download_dreambench(url, repository.commits["good"], None, tmp_path / "benchmark")
    assert (tmp_path / "benchmark" / "licences.csv").is_file()


def test_the_users_own_git_settings_change_no_bytes(repository, server, tmp_path, monkeypatch):
    """Neither a repository that git was told of, nor line ends, nor hooks."""
    (tmp_path / "home").mkdir()
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text("#!/bin/sh\ntouch run\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / "home" / ".gitconfig").write_text(
        f"[core]\nautocrlf = true\nhooksPath = {hooks}\n[fetch]\nprune = true\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_DIR", str(repository.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    fetch(server, repository.commits["good"], tmp_path / "benchmark")
    assert (tmp_path / "benchmark" / "LICENSE").read_bytes() == LICENCE.encode()


@pytest.mark.parametrize("revision", ["--upload-pack=touch pwned;", "main", "A" * 40])
def test_a_revision_that_is_no_commit_reaches_no_git(tmp_path, monkeypatch, revision):
    monkeypatch.setattr(toffee_git.subprocess, "run", lambda *_, **__: pytest.fail("git ran"))
    with pytest.raises(ToffeeError, match="expected a commit"):
        toffee_git.fetch_commit("file:///nowhere", revision, tmp_path, ("*",), "test")
