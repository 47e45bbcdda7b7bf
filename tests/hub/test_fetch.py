"""Models of a hub arrive whole, locked and unchanged, whatever the hub and the network do."""

import errno
import os
import shutil
import time
from collections import namedtuple

import numpy as np
import pytest
import yaml
from server import Fault

from toffee.download.fetch import remove_work
from toffee.download.lock import HEADER, SourceLock, read_lock
from toffee.download.model import fetch_model
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest

REPO, MIRROR = "owner/model", "someone/mirror"
COMMIT, OTHER = "a" * 40, "b" * 40
WEIGHTS = "part/model.safetensors"
SIZE = 300_000
FILES = ["config.json", "part/*.json", "part/model.safetensors"]

pytestmark = pytest.mark.usefixtures("client")


def write(folder, seed=0):
    """A repository of a few files, with some that nobody may fetch."""
    (folder / "part" / "deeper").mkdir(parents=True)
    (folder / "config.json").write_text(f'{{"seed": {seed}}}')
    (folder / "part" / "config.json").write_text("{}")
    (folder / "part" / "deeper" / "config.json").write_text("{}")
    (folder / WEIGHTS).write_bytes(np.random.default_rng(seed).bytes(SIZE))
    (folder / "part" / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "README.md").write_text("# model")
    return folder


@pytest.fixture
def served(hub, tmp_path):
    """The repository at `COMMIT`."""
    hub.add(REPO, write(tmp_path / "served"), COMMIT)
    return tmp_path / "served"


@pytest.fixture
def fetch(tmp_path):
    """Download the model as `role`; changes are those of the source."""

    def run(role="model", **changes):
        source = {"repo": REPO, "revision": COMMIT, "files": FILES} | changes
        out = tmp_path / "models" / role
        lock = tmp_path / "config" / "models.lock.yaml"
        fetch_model(role=role, source=source, zoo="unused", lock=lock, out=out)
        return out

    run.lock = tmp_path / "config" / "models.lock.yaml"
    run.models = tmp_path / "models"
    return run


@pytest.fixture
def no_sleep(monkeypatch):
    """Seconds that were waited, and are not."""
    waited = []
    monkeypatch.setattr(time, "sleep", lambda seconds: waited.append(seconds) if seconds else None)
    return waited


def names(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def refused(fetch, **changes):
    with pytest.raises(ToffeeError) as raised:
        fetch(**changes)
    return str(raised.value)


# What arrives


def test_only_what_is_asked_for_arrives(hub, served, fetch):
    out = fetch()
    assert names(out) == ["config.json", "part/config.json", WEIGHTS]
    assert all((out / name).read_bytes() == (served / name).read_bytes() for name in names(out))
    assert {name for _, name in hub.sent} == set(names(out))
    assert hub.sent[REPO, WEIGHTS] == SIZE


def test_a_model_that_snakemake_throws_away_is_not_fetched_again(hub, served, fetch):
    """Until the job has succeeded: it may fail or be killed before Snakemake knows that."""
    shutil.rmtree(fetch())
    assert file_digest(fetch() / WEIGHTS) == file_digest(served / WEIGHTS)
    assert hub.sent[REPO, WEIGHTS] == SIZE
    remove_work(fetch.models / "model")
    assert [path.name for path in fetch.models.iterdir()] == ["model"]


def test_a_file_system_without_hard_links_does(served, fetch, monkeypatch):
    def no_links(*arguments, **keywords):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    assert names(fetch()) == ["config.json", "part/config.json", WEIGHTS]


def test_a_subfolder_is_the_model(served, fetch):
    out = fetch(subfolder="part", files=["*.json", "model.safetensors"])
    assert names(out) == ["config.json", "model.safetensors"]
    assert set(read_lock(fetch.lock).files[f"{REPO}@{COMMIT}"]) == {"part/config.json", WEIGHTS}


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (
            WEIGHTS,
            f"owner/model at {COMMIT} holds no part/model.safetensors, and a pickle is taken",
        ),
        ("config.json", f"owner/model at {COMMIT} holds no config.json"),
    ],
)
def test_a_missing_file_is_named_before_anything_is_fetched(hub, served, fetch, missing, line):
    (served / missing).unlink()
    assert refused(fetch).startswith(line)
    assert not hub.sent and not fetch.models.exists()


def test_a_listing_cannot_lead_outside_of_the_model():
    from toffee.config.models import HubFiles
    from toffee.download.hub import RemoteFile, Repository, choose

    source = HubFiles(repo=REPO, files=["*/config.json"])
    for name in ("../config.json", "/config.json"):
        with pytest.raises(ToffeeError, match="expected a path inside the model"):
            choose(Repository(REPO, COMMIT, {name: RemoteFile(1)}), source)


def test_room_is_checked_before_the_first_byte(hub, served, fetch, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 2**20))
    assert "has 1 MiB free, needs 64 MiB" in refused(fetch)
    assert not hub.sent


def test_progress_is_told(served, fetch, capsys):
    fetch()
    assert "download model: 1/1 MiB" in capsys.readouterr().err


# The lock


def test_the_first_download_is_locked_and_the_next_one_compared(served, fetch):
    out = fetch()
    text = fetch.lock.read_text()
    assert text.startswith(HEADER)
    locked = yaml.safe_load(text)
    assert locked["revisions"] == {}
    assert locked["files"][f"{REPO}@{COMMIT}"] == {
        name: {"sha256": file_digest(out / name), "size": (out / name).stat().st_size}
        for name in names(out)
    }
    fetch(role="again")
    assert fetch.lock.read_text() == text
    assert names(fetch.lock.parent) == [".models.lock.yaml.guard", "models.lock.yaml"]


@pytest.mark.parametrize("name", ["config.json", WEIGHTS])
def test_another_digest_is_refused(hub, served, fetch, name):
    expected = file_digest(fetch() / name)
    content = (served / name).read_bytes()
    (served / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    before = fetch.lock.read_text()
    hub.sent.clear()
    assert refused(fetch, role="again") == (
        f"{name} of {REPO}@{COMMIT} has SHA-256 {file_digest(served / name)}, expected {expected} "
        f"as {fetch.lock} has it for {REPO}@{COMMIT}"
    )
    assert fetch.lock.read_text() == before
    assert not (fetch.models / "again").exists()
    # What the hub lists with a digest is refused before a byte of it is fetched.
    assert hub.sent[REPO, WEIGHTS] == 0


def test_bytes_that_the_hub_itself_did_not_list_are_refused_and_not_kept(hub, served, fetch):
    hub.fault(REPO, Fault(path=WEIGHTS, change=lambda content: b"x" + content[1:]))
    line = refused(fetch)
    assert line.startswith(f"{WEIGHTS} has SHA-256 ")
    assert line.endswith(f"expected {file_digest(served / WEIGHTS)} as the hub lists it")
    assert not fetch.lock.exists()
    assert file_digest(fetch() / WEIGHTS) == file_digest(served / WEIGHTS)


def test_too_many_bytes_are_refused_and_not_kept(hub, served, fetch):
    hub.fault(REPO, Fault(path=WEIGHTS, change=lambda content: content + b"x"))
    assert refused(fetch) == f"{WEIGHTS} of {REPO} has more than the {SIZE} bytes listed"
    assert file_digest(fetch() / WEIGHTS) == file_digest(served / WEIGHTS)


def test_a_broken_lock_is_one_line_and_nothing_is_fetched(hub, served, fetch):
    fetch.lock.parent.mkdir()
    for text, line in {
        "files: [": "cannot be read as YAML",
        "files: {a/b: {}}": "files.a/b.[key]: String should match pattern",
        "file: {}": "file: Extra inputs are not permitted",
    }.items():
        fetch.lock.write_text(text)
        assert line in refused(fetch)
    assert not hub.requests


def test_roles_of_one_source_share_an_entry(served, fetch):
    fetch(files=[WEIGHTS])
    fetch(role="other", files=["config.json"])
    assert set(read_lock(fetch.lock).files[f"{REPO}@{COMMIT}"]) == {WEIGHTS, "config.json"}


def test_jobs_side_by_side_lose_nothing_of_the_lock(tmp_path):
    import subprocess
    import sys

    program = (
        "import sys; from toffee.download.lock import Entry, SourceLock\n"
        "for n in range(20):\n"
        "    lock = SourceLock(sys.argv[1], 'a/b', 'c' * 40)\n"
        "    lock.record('', {f'{sys.argv[2]}{n}.json': Entry(sha256='d' * 64, size=n)})\n"
    )
    path = tmp_path / "models.lock.yaml"
    jobs = [
        subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("x", "y")
    ]
    assert [job.wait() for job in jobs] == [0, 0]
    names = set(read_lock(path).files["a/b@" + "c" * 40])
    assert names == {f"{job}{n}.json" for job in "xy" for n in range(20)}


def test_the_tracked_lock_holds_nothing_invented():
    from pathlib import Path

    path = Path(__file__).parents[2] / "config" / "models.lock.yaml"
    assert path.read_text().startswith(HEADER)
    assert read_lock(path)  # readable


# Revisions


@pytest.mark.parametrize("revision", [None, "main", "aaaaaaa", "refs/pr/1"])
def test_an_unpinned_revision_is_locked_with_a_warning(
    hub, served, fetch, tmp_path, capsys, revision
):
    hub.repositories[REPO].refs["refs/pr/1"] = COMMIT
    fetch(revision=revision)
    name = f"{REPO}@{revision or 'main'}"
    told = capsys.readouterr().err
    assert f"warning: model: {name} is no commit: locked to {REPO}@{COMMIT} in {fetch.lock}" in told
    assert read_lock(fetch.lock).revisions == {name: f"{REPO}@{COMMIT}"}
    hub.add(REPO, write(tmp_path / "moved", seed=1), OTHER)  # the branch moves on
    out = fetch(role="again", revision=revision)
    assert file_digest(out / WEIGHTS) == file_digest(served / WEIGHTS)
    assert "warning" not in capsys.readouterr().err


def test_a_branch_that_moved_between_two_jobs_is_told(tmp_path):
    first, second = (SourceLock(tmp_path / "lock.yaml", REPO, "main") for _ in range(2))
    first.record(f"{REPO}@{COMMIT}", {})
    with pytest.raises(ToffeeError, match=f"{REPO}@main was .*{OTHER} a moment ago, .* start"):
        second.record(f"{REPO}@{OTHER}", {})


def test_a_locked_commit_that_is_gone_is_one_line(hub, served, fetch, tmp_path):
    fetch(revision="main")
    hub.add(REPO, write(tmp_path / "moved", seed=1), OTHER)
    del hub.repositories[REPO].commits[COMMIT]
    line = refused(fetch, role="again", revision="main")
    assert line == f"{REPO} has no revision {COMMIT}: see {hub.endpoint}/{REPO}/commits"


def test_a_hub_that_answers_with_another_commit_is_refused(hub, served, fetch):
    hub.repositories[REPO].refs[OTHER] = COMMIT
    line = refused(fetch, revision=OTHER)
    assert line == f"{REPO}: the hub answers for revision {OTHER} with {COMMIT}"


# Gone, gated, mirrored


def test_a_missing_repository_is_one_line(hub, fetch):
    assert refused(fetch) == (
        f"{REPO} is not on the hub, or private: look at {hub.endpoint}/{REPO}, set HF_TOKEN if you "
        "may read it, or add a mirror to the catalogue"
    )


def test_a_gated_repository_says_where_to_accept_and_no_mirror_goes_around_it(hub, served, fetch):
    hub.add(MIRROR, served, OTHER)
    hub.repositories[REPO].gated = True
    assert refused(fetch, mirrors=[{"repo": MIRROR, "revision": OTHER}]) == (
        f"{REPO} is gated: accept its licence at {hub.endpoint}/{REPO} and set HF_TOKEN to a token "
        "of that account, or name a repository that you may read in the catalogue"
    )


@pytest.mark.parametrize("kind", ["gated", "private"])
def test_a_token_opens_a_repository_and_stays_with_the_hub(hub, served, fetch, monkeypatch, kind):
    setattr(hub.repositories[REPO], kind, True)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert names(fetch())  # the CDN refuses requests with a token


def mirrored(hub, tmp_path, seed=0):
    """A mirror; with another seed its bytes are others."""
    hub.add(MIRROR, write(tmp_path / "mirror", seed), OTHER)
    return {"mirrors": [{"repo": MIRROR, "revision": OTHER}]}


def test_a_mirror_is_not_asked_while_the_original_is_there(hub, served, fetch, tmp_path):
    fetch(**mirrored(hub, tmp_path))
    assert {repo for _, repo, *_ in hub.requests} == {REPO}


def test_a_mirror_with_equal_bytes_stands_in_for_a_vanished_repository(
    hub, served, fetch, tmp_path, capsys
):
    fetch()
    before = fetch.lock.read_text()
    mirror = mirrored(hub, tmp_path)
    (tmp_path / "mirror" / "part" / "added.json").write_text("{}")  # its own, fits part/*.json
    del hub.repositories[REPO]
    out = fetch(role="again", **mirror)
    assert names(out) == names(fetch.models / "model")
    assert file_digest(out / WEIGHTS) == file_digest(served / WEIGHTS)
    assert fetch.lock.read_text() == before
    assert (
        f"warning: again: {REPO} is not available, using its mirror {MIRROR}@{OTHER}; its bytes "
        f"must be those of {fetch.lock}" in capsys.readouterr().err
    )


def test_a_mirror_with_other_bytes_is_refused_before_they_are_fetched(hub, served, fetch, tmp_path):
    fetch()
    mirror = mirrored(hub, tmp_path, seed=1)
    shutil.copy(served / "config.json", tmp_path / "mirror" / "config.json")
    del hub.repositories[REPO]
    line = refused(fetch, role="again", **mirror)
    assert f"mirror {MIRROR} is refused: {WEIGHTS} of {MIRROR}@{OTHER} has SHA-256 " in line
    assert f"expected {file_digest(served / WEIGHTS)}" in line
    assert hub.sent[MIRROR, WEIGHTS] == 0
    assert not (fetch.models / "again").exists()


def test_a_small_file_of_a_mirror_is_compared_too_and_the_next_mirror_is_asked(
    hub, served, fetch, tmp_path
):
    fetch()
    bad = mirrored(hub, tmp_path)["mirrors"]
    (tmp_path / "mirror" / "config.json").write_text('{"seed": 2}')
    hub.add("third/copy", served, OTHER)
    del hub.repositories[REPO]
    line = refused(fetch, role="again", mirrors=bad)
    assert f"mirror {MIRROR} is refused: config.json of {MIRROR}@{OTHER} has SHA-256 " in line
    assert hub.sent[MIRROR, WEIGHTS] == 0  # small files come first
    assert names(fetch(role="again", mirrors=[*bad, {"repo": "third/copy"}]))


def test_a_mirror_that_lacks_a_locked_file_is_refused(hub, served, fetch, tmp_path):
    fetch()
    mirror = mirrored(hub, tmp_path)
    (tmp_path / "mirror" / "part" / "config.json").unlink()
    del hub.repositories[REPO]
    assert f"{MIRROR}@{OTHER} holds no part/config.json" in refused(fetch, role="b", **mirror)


def break_mirror(hub, folder, how):
    """Spoil a mirror that is served from a folder; what is then said of it."""
    if how == "no safetensors":
        (folder / WEIGHTS).unlink()
        return f"{MIRROR} at {OTHER} holds no {WEIGHTS}, and a pickle is taken only where"
    if how == "gated":
        hub.repositories[MIRROR].gated = True
        return f"{MIRROR} is gated"
    if how == "HTTP 500":
        hub.fault(MIRROR, *[Fault(status=500, where="info")] * 6)
        return f"the hub fails to serve {MIRROR} at {OTHER} (HTTP 500)"
    hub.fault(MIRROR, *[Fault(path=WEIGHTS, cut=0)] * 6)
    return f"{WEIGHTS} of {MIRROR} stops at 0 of {SIZE} bytes"


@pytest.mark.parametrize("how", ["no safetensors", "gated", "HTTP 500", "cut"])
@pytest.mark.parametrize("is_locked", [False, True])
def test_a_broken_mirror_leaves_it_to_the_next(
    hub, served, fetch, tmp_path, no_sleep, how, is_locked
):
    if is_locked:
        fetch()
    hub.add("third/copy", served, OTHER)
    del hub.repositories[REPO]
    mirrors = mirrored(hub, tmp_path)["mirrors"]
    break_mirror(hub, tmp_path / "mirror", how)
    out = fetch(role="again", mirrors=[*mirrors, {"repo": "third/copy"}])
    assert file_digest(out / WEIGHTS) == file_digest(served / WEIGHTS)


@pytest.mark.parametrize("how", ["no safetensors", "gated", "HTTP 500", "cut"])
def test_where_all_mirrors_fail_the_line_says_what_was_tried(hub, fetch, tmp_path, no_sleep, how):
    mirrors = mirrored(hub, tmp_path)["mirrors"]
    said = break_mirror(hub, tmp_path / "mirror", how)
    line = refused(fetch, mirrors=[*mirrors, {"repo": "third/copy"}])
    assert line.startswith(f"{REPO} is not on the hub")
    assert f"; mirror {MIRROR} fails: {said}" in line
    assert "; mirror third/copy fails: third/copy is not on the hub" in line


def test_a_full_disk_asks_no_other_mirror(hub, fetch, tmp_path, monkeypatch):
    hub.add("third/copy", write(tmp_path / "third"), OTHER)
    mirrors = mirrored(hub, tmp_path)["mirrors"]
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 2**20))
    line = refused(fetch, mirrors=[*mirrors, {"repo": "third/copy"}])
    assert "has 1 MiB free, needs 64 MiB" in line and "mirror" not in line
    assert "third/copy" not in {repo for _, repo, *_ in hub.requests}


@pytest.mark.parametrize("revision", [COMMIT, "main"])
def test_a_mirror_with_nothing_to_compare_is_locked_with_a_warning(
    hub, fetch, tmp_path, capsys, revision
):
    mirror = mirrored(hub, tmp_path)
    fetch(revision=revision, **mirror)
    assert f"nothing in {fetch.lock} could be compared with it" in capsys.readouterr().err
    lock = read_lock(fetch.lock)
    # The entry is the source's own where its commit is known, else the mirror's.
    key = f"{REPO}@{COMMIT}" if revision == COMMIT else f"{MIRROR}@{OTHER}"
    assert set(lock.files) == {key}
    assert lock.revisions == ({} if revision == COMMIT else {f"{REPO}@main": key})
    # From then on it is what the original would have to be.
    hub.add(REPO, write(tmp_path / "returned", seed=1), COMMIT)
    assert f"has it for {key}" in refused(fetch, role="again", revision=revision, **mirror)


# The network


def test_cut_connections_go_on_where_they_were_cut(hub, served, fetch, no_sleep):
    cuts = [Fault(path=WEIGHTS, cut=70_000), Fault(path=WEIGHTS, cut=1), Fault(path=WEIGHTS, cut=0)]
    hub.fault(REPO, *cuts)
    out = fetch()
    assert file_digest(out / WEIGHTS) == file_digest(served / WEIGHTS)
    assert hub.sent[REPO, WEIGHTS] == SIZE


def test_a_hub_without_ranges_is_fetched_from_the_start(hub, served, fetch, no_sleep):
    hub.ranges = False
    hub.fault(REPO, Fault(path=WEIGHTS, cut=70_000))
    assert file_digest(fetch() / WEIGHTS) == file_digest(served / WEIGHTS)
    assert hub.sent[REPO, WEIGHTS] == SIZE + 70_000


def test_a_connection_that_only_breaks_is_given_up_and_kept(hub, served, fetch, no_sleep):
    hub.fault(REPO, Fault(path=WEIGHTS, cut=70_000), *[Fault(path=WEIGHTS, cut=0)] * 5)
    line = refused(fetch)
    assert line.startswith(f"{WEIGHTS} of {REPO} stops at 70000 of {SIZE} bytes")
    assert line.endswith("the received bytes are kept, start again to resume")
    assert names(fetch())
    assert hub.sent[REPO, WEIGHTS] == SIZE


def test_too_few_bytes_are_refused_and_not_kept(hub, served, fetch, no_sleep):
    hub.fault(REPO, *[Fault(path=WEIGHTS, change=lambda content: content[: SIZE // 2])] * 2)
    assert refused(fetch) == f"{WEIGHTS} of {REPO} ends at 150000 of 300000 bytes"
    assert file_digest(fetch() / WEIGHTS) == file_digest(served / WEIGHTS)


def test_answers_without_a_byte_are_given_up(hub, served, fetch, no_sleep):
    hub.fault(REPO, *[Fault(path=WEIGHTS, change=lambda content: b"")] * 5)
    assert "stops at 0 of 300000 bytes: the answer ends early" in refused(fetch)


@pytest.mark.parametrize("where", ["info", "resolve", "cdn"])
def test_a_busy_hub_is_asked_again_when_it_says(hub, served, fetch, no_sleep, where):
    path = None if where == "info" else WEIGHTS
    hub.fault(
        REPO,
        Fault(status=429, headers={"Retry-After": "7"}, where=where, path=path),
        Fault(status=503, where=where, path=path),
    )
    assert names(fetch())
    assert no_sleep[0] == 8  # the library adds a second
    assert len(no_sleep) == 2 and 0 < no_sleep[1] <= 2


def test_a_hub_that_stays_busy_is_one_line(hub, served, fetch, no_sleep):
    hub.fault(REPO, *[Fault(status=503, where="info")] * 6)
    line = f"the hub fails to serve {REPO} at {COMMIT} (HTTP 503): try later"
    assert refused(fetch) == line
    assert no_sleep == [1, 2, 4, 8, 8]


def test_a_hub_that_is_not_there_is_one_line(hub, fetch, no_sleep, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    assert refused(fetch).startswith("cannot reach the hub at http://127.0.0.1:1: ")


def test_a_partial_download_of_another_commit_is_thrown_away(
    hub, served, fetch, tmp_path, no_sleep, capsys
):
    hub.fault(REPO, Fault(path=WEIGHTS, cut=70_000), *[Fault(path=WEIGHTS, cut=0)] * 5)
    refused(fetch)
    hub.add(REPO, write(tmp_path / "moved", seed=1), OTHER)
    out = fetch(revision=OTHER)
    assert file_digest(out / WEIGHTS) == file_digest(tmp_path / "moved" / WEIGHTS)
    assert "model.partial: of another source; removed" in capsys.readouterr().err


def test_files_that_are_no_longer_wanted_are_not_kept(hub, served, fetch, no_sleep):
    hub.fault(REPO, Fault(path=WEIGHTS, cut=70_000), *[Fault(path=WEIGHTS, cut=0)] * 5)
    refused(fetch)
    assert names(fetch(files=["config.json"])) == ["config.json"]


# Cache and offline mode


@pytest.fixture
def cached(served):
    """huggingface_hub's own download has put the repository into its cache."""
    from huggingface_hub import snapshot_download

    def run(**selection):
        return snapshot_download(REPO, revision=COMMIT, **selection)

    return run


def test_what_the_cache_has_is_not_fetched(hub, served, fetch, cached):
    cached(allow_patterns=[WEIGHTS])
    hub.sent.clear()
    out = fetch()
    assert file_digest(out / WEIGHTS) == file_digest(served / WEIGHTS)
    assert {name for _, name in hub.sent} == {"config.json", "part/config.json"}
    assert not (out / WEIGHTS).is_symlink()


@pytest.mark.parametrize("revision", [COMMIT, "main"])
def test_offline_a_whole_cache_is_enough(hub, served, fetch, cached, monkeypatch, revision):
    from huggingface_hub import constants, snapshot_download

    cached()
    snapshot_download(REPO)  # the branch is known to the cache too
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert names(fetch(revision=revision)) == ["config.json", "part/config.json", WEIGHTS]
    assert not hub.requests
    assert f"{REPO}@{COMMIT}" in read_lock(fetch.lock).files


@pytest.mark.parametrize("selection", [None, ["config.json"], ["*.json"]])
def test_offline_without_a_whole_cache_is_one_line(hub, fetch, cached, monkeypatch, selection):
    from huggingface_hub import constants

    if selection:
        cached(allow_patterns=selection)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert refused(fetch) == (
        f"HF_HUB_OFFLINE is set and {REPO} at {COMMIT} is not whole in the cache "
        f"{constants.HF_HUB_CACHE}: fetch it where there is a network, or unset HF_HUB_OFFLINE"
    )
    assert not hub.requests
