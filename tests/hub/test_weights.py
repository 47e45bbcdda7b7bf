"""Weights as real repositories have them: torch's files, parts, other names, folders."""

import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from checkpoint_formats import as_parts, as_timm, as_torch
from checkpoints import write_repository
from safetensors.torch import load_file, save_file

from toffee.audit.graph import _locked
from toffee.download.lock import read_lock
from toffee.download.model import fetch_model
from toffee.models.load import load_model
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import file_digest, write_text

REPO, COMMIT, OTHER = "owner/model", "a" * 40, "b" * 40
CONFIGS = ["config.json", "preprocessor_config.json"]
SAFE = {"repo": REPO, "revision": COMMIT, "files": [*CONFIGS, "model.safetensors"]}
TORCH = {**SAFE, "files": [*CONFIGS, "pytorch_model.bin"], "torch": True}
SD = "stable-diffusion-v1-5/stable-diffusion-v1-5"

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture
def dino(tmp_path):
    """A small DINO in safetensors, and its tensors."""
    folder = write_repository("facebook/dino-vits16", tmp_path / "dino")
    (folder / "pytorch_model.bin").unlink()
    return folder, load_file(folder / "model.safetensors")


@pytest.fixture
def fetch(tmp_path):
    """Download a source as a role."""

    def run(source, role="model"):
        out = tmp_path / "models" / role
        fetch_model(role, source, "unused", run.lock, out)
        return out

    run.lock = tmp_path / "models.lock.yaml"
    return run


@pytest.fixture
def forked(fork_server, tmp_path, monkeypatch):
    """The process that reads weights is a fork, which need not import torch: for tests of what it
    reads, not of what it is kept from."""
    python = tmp_path / "isolated"
    python.write_text(f'#!/bin/sh\n[ "$1" = -I ] && shift && exec {fork_server.python} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def same(path, tensors):
    found = load_file(path)
    return found.keys() == tensors.keys() and all(
        torch.equal(found[name], tensor) for name, tensor in tensors.items()
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_torch_file_becomes_safetensors_and_both_are_locked(hub, dino, fetch):
    folder, tensors = dino
    as_torch(folder)
    hub.add(REPO, folder, COMMIT)
    out = fetch(TORCH)
    assert names(out) == [*CONFIGS[:1], "model.safetensors", *CONFIGS[1:]]
    assert same(out / "model.safetensors", tensors)
    lock, key = read_lock(fetch.lock), f"{REPO}@{COMMIT}"
    assert lock.files[key]["pytorch_model.bin"].sha256 == file_digest(folder / "pytorch_model.bin")
    written = lock.written[key]["model.safetensors"].sha256
    assert written == file_digest(out / "model.safetensors")
    assert file_digest(fetch(TORCH, "again") / "model.safetensors") == written
    write_text(fetch.lock, fetch.lock.read_text().replace(written, "f" * 64))
    with pytest.raises(ToffeeError, match=f"SHA-256 {written}, expected {'f' * 64} as .*lock"):
        fetch(TORCH, "third")
    assert not (out.parent / "third").exists()


def test_the_audit_expects_what_the_lock_has_of_the_model(hub, dino, fetch, forked):
    """Of the place that was taken: files as they are, what was written, and no torch file."""
    folder, _ = dino
    as_torch(folder)
    hub.add(REPO, folder, OTHER)
    source = SAFE | {"alternatives": [TORCH | {"revision": OTHER}]}
    out = fetch(source)
    results = SimpleNamespace(
        place=lambda path: path, config=lambda record: {"models": {"lock": fetch.lock}}
    )
    expected = _locked(results, SimpleNamespace(params={"source": source}))
    assert expected == {path.name: file_digest(path) for path in out.iterdir()}


class Attack:
    """Unpickled without care, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_runs_code_is_refused_and_not_run(hub, dino, fetch, tmp_path, capsys):
    folder, tensors = dino
    hub.add(REPO, folder, OTHER)
    bad = tmp_path / "bad"
    bad.mkdir()
    for name in CONFIGS:
        (bad / name).write_bytes((folder / name).read_bytes())
    (bad / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Attack(tmp_path / "ran")}))
    hub.add(REPO, bad, COMMIT)
    with pytest.raises(ToffeeError, match="^pytorch_model.bin: expected weights and nothing else"):
        fetch(TORCH)
    assert not (tmp_path / "ran").exists() and not fetch.lock.exists()
    out = fetch(TORCH | {"alternatives": [SAFE | {"revision": OTHER}]})
    assert same(out / "model.safetensors", tensors)
    assert "expected weights and nothing else" in capsys.readouterr().err


@pytest.mark.parametrize("content", [[1, 2], {}, {"step": 3}, {"a": {"b": 1}}])
def test_what_is_no_state_dict_is_refused(hub, dino, fetch, forked, content):
    folder, _ = dino
    as_torch(folder)
    torch.save(content, folder / "pytorch_model.bin")
    hub.add(REPO, folder, COMMIT)
    with pytest.raises(ToffeeError, match="expected weights and nothing else"):
        fetch(TORCH)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
    ],
)
def test_the_process_that_reads_a_pickle_cannot_leave(code):
    start = "from toffee.download.weights import _leave_the_network as leave; leave(); "
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True)
    assert done.returncode == 1 and "PermissionError: the file asks for" in done.stderr


def test_an_alternative_is_taken_where_a_file_is_missing_and_then_kept(hub, dino, fetch, capsys):
    folder, tensors = dino
    bare = folder.with_name("bare")
    bare.mkdir()
    (bare / "config.json").write_text("{}")
    hub.add(REPO, bare, COMMIT)
    hub.add(REPO, folder, OTHER, branch="refs/pr/1")
    source = SAFE | {"alternatives": [SAFE | {"revision": "refs/pr/1"}]}
    assert same(fetch(source) / "model.safetensors", tensors)
    assert (
        f"holds no preprocessor_config.json; trying {REPO} at refs/pr/1" in capsys.readouterr().err
    )
    assert read_lock(fetch.lock).revisions == {f"{REPO}@refs/pr/1": f"{REPO}@{OTHER}"}
    # The repository gets its files; the lock still says what this model is.
    hub.add(REPO, write_repository("facebook/dino-vits16", folder.with_name("new"), seed=1), COMMIT)
    assert same(fetch(source, "again") / "model.safetensors", tensors)


def test_no_alternative_goes_around_a_gate(hub, dino, fetch):
    folder, _ = dino
    hub.add(REPO, folder, COMMIT)
    hub.add("other/model", folder, OTHER)
    hub.repositories[REPO].gated = True
    alternative = SAFE | {"repo": "other/model", "revision": OTHER}
    with pytest.raises(ToffeeError, match="is gated"):
        fetch(SAFE | {"alternatives": [alternative]})


def test_where_no_place_has_it_the_line_says_all(hub, dino, fetch):
    folder, _ = dino
    as_torch(folder)
    hub.add(REPO, folder, COMMIT)
    source = SAFE | {"alternatives": [SAFE | {"repo": "gone/model"}]}
    with pytest.raises(ToffeeError) as raised:
        fetch(source)
    line = str(raised.value)
    assert "holds no model.safetensors, and a pickle is taken only where the catalogue says" in line
    assert "torch: true" in line and "; gone/model is not on the hub" in line


def test_timms_names_become_transformers(hub, dino, fetch, forked):
    from transformers import ViTModel

    folder, tensors = dino
    import json

    texts = {name: json.loads((folder / name).read_text()) for name in CONFIGS}
    as_timm(folder)
    assert any("attn.qkv" in name for name in load_file(folder / "model.safetensors"))
    hub.add(REPO, folder, COMMIT)
    source = SAFE | {"files": ["model.safetensors"], "keys": "timm_vit", "json_files": texts}
    out = fetch(source)
    assert same(out / "model.safetensors", tensors)
    assert load_model(ViTModel, out) is not None
    assert set(read_lock(fetch.lock).written[f"{REPO}@{COMMIT}"]) == {"model.safetensors", *CONFIGS}


def test_other_names_than_timms_are_refused(hub, dino, fetch, forked):
    folder, _ = dino
    save_file({"layer.7": torch.zeros(1)}, folder / "model.safetensors")
    hub.add(REPO, folder, COMMIT)
    with pytest.raises(ToffeeError, match="layer.7 is none of timm's vision transformer"):
        fetch(SAFE | {"keys": "timm_vit"})


def test_weights_in_parts_are_taken_for_the_whole(hub, dino, fetch):
    from transformers import ViTModel

    folder, _ = dino
    whole = {k: v.clone() for k, v in load_model(ViTModel, folder).state_dict().items()}
    as_parts(folder)
    hub.add(REPO, folder, COMMIT)
    out = fetch(SAFE)
    assert len(list(out.glob("model-*"))) == 2 and (out / "model.safetensors.index.json").is_file()
    found = load_model(ViTModel, out).state_dict()
    assert all(torch.equal(found[k], v) for k, v in whole.items() if not k.startswith("pooler"))


def test_a_folder_of_this_machine_is_read_and_compared(hub, dino, fetch, capsys):
    """Without a word to the hub; what the lock has must be what it holds."""
    folder, tensors = dino
    source = SAFE | {"folder": str(folder)}
    assert same(fetch(source) / "model.safetensors", tensors)
    assert not hub.requests and f"is read from {folder}; nothing in" in capsys.readouterr().err
    save_file({**tensors, "more": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ToffeeError, match="has SHA-256 .*, expected .* as .*lock.yaml has it for"):
        fetch(source, "again")
    with pytest.raises(ToffeeError, match="for one commit, expected a revision of 40 digits"):
        fetch(source | {"revision": "main"}, "third")
    assert not hub.requests


def test_a_folder_comes_before_the_places_on_the_hub(hub, dino, fetch):
    folder, tensors = dino
    alternative = SAFE | {"revision": OTHER, "folder": str(folder)}
    assert same(fetch(SAFE | {"alternatives": [alternative]}) / "model.safetensors", tensors)
    assert not hub.requests


def test_the_autoencoders_old_names_load_and_halves_stay(hub, fetch, tmp_path):
    from catalogue import read_set
    from diffusers import AutoencoderKL

    folder = write_repository(SD, tmp_path / "sd")
    saved = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    assert "encoder.mid_block.attentions.0.proj_attn.weight" in saved
    hub.add(SD, folder, COMMIT)
    files = read_set("small")["text_to_image"]["files"]
    out = fetch({"repo": SD, "revision": COMMIT, "files": files})
    assert not [path for path in out.rglob("*") if "fp16" in path.name]
    attention = load_model(AutoencoderKL, out / "vae").encoder.mid_block.attentions[0]
    stored = saved["encoder.mid_block.attentions.0.query.weight"]
    assert torch.equal(attention.to_q.weight.flatten(), stored.flatten())
