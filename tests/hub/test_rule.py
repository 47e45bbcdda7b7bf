"""Rule `download_model` of the paper's scale against a hub: what reruns, and what a kill costs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from catalogue import read_set, serve
from checkout import copy_checkout

PROJECT = Path(__file__).parents[2]
ROLES = ("text_to_image", "subject_encoder")
MODELS = [f"results/paper/models/{role}" for role in ROLES]
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


class Run:
    """A copy of the project whose Snakemake is led to the hub."""

    def __init__(self, folder, hub):
        self.folder = folder
        self.environment = os.environ | hub.environment(folder / "hf")
        self.environment |= {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
        self.command = [sys.executable, "-m", "snakemake", "--cores", "2"]
        self.command += ["--config", "scale=paper", "--quiet", "progress", "--", *MODELS]
        copy_checkout(folder)

    def start(self, *options):
        return subprocess.Popen(
            [*self.command[:5], *options, *self.command[5:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *options):
        job = self.start(*options)
        text = job.communicate()[0]
        assert job.returncode == 0, text
        return text

    def planned(self):
        """Roles that would be downloaded."""
        return set(re.findall(r"role=(\w+)", self("--dry-run")))


@pytest.fixture
def sources():
    """The two sources as the catalogue has them."""
    paper = read_set("paper")
    return {role: paper[role] for role in ROLES}


@pytest.fixture
def run(hub, sources, tmp_path):
    """The project; the hub has the encoder, and of SD 2.1-base only the mirror, as the real one."""
    serve(hub, sources, tmp_path / "served")
    return Run(tmp_path / "project", hub)


def test_a_first_download_locks_and_only_another_revision_reruns(hub, sources, run, tmp_path):
    run()
    text_to_image, encoder = (run.folder / path for path in MODELS)
    assert sorted(path.name for path in text_to_image.parent.iterdir()) == sorted(ROLES)
    assert not list(text_to_image.rglob("*.bin"))
    lock = run.folder / "config" / "models.lock.yaml"
    keys = [f"{source['repo']}@{source['revision']}" for source in sources.values()]
    assert sorted(yaml.safe_load(lock.read_text())["files"]) == sorted(keys)
    log = run.folder / "results" / "paper" / "logs" / "download_model" / "text_to_image.log"
    assert "could be compared" in log.read_text()
    # The lock has changed, and reruns nothing; nor does another place of it, or of the bytes.
    assert run.planned() == set()
    catalogue = run.folder / "config" / "models.yaml"
    text = catalogue.read_text()
    mirror = sources["text_to_image"]["mirrors"][0]["repo"]
    assert f"repo: {mirror}" in text
    catalogue.write_text(text.replace(f"repo: {mirror}", "repo: another/mirror"))
    shutil.move(lock, run.folder / "elsewhere.yaml")
    config = run.folder / "config" / "config.yaml"
    values = config.read_text()
    config.write_text(values.replace("lock: config/models.lock.yaml", "lock: elsewhere.yaml"))
    assert config.read_text() != values
    assert run.planned() == set()
    shutil.move(run.folder / "elsewhere.yaml", lock)
    catalogue.write_text(text)
    config.write_text(values)
    old, new = sources["subject_encoder"]["revision"], "e" * 40
    catalogue.write_text(catalogue.read_text().replace(old, new))
    assert run.planned() == {"subject_encoder"}
    repo = sources["subject_encoder"]["repo"]
    hub.add(repo, tmp_path / "served" / repo / old, new)
    before = encoder.stat().st_ino, text_to_image.stat().st_ino
    run()
    assert encoder.stat().st_ino != before[0] and text_to_image.stat().st_ino == before[1]
    assert len(yaml.safe_load(lock.read_text())["files"]) == 3


def test_a_killed_run_goes_on(hub, sources, run):
    hub.delay = 0.01
    mirror = sources["text_to_image"]["mirrors"][0]["repo"]
    path = next(iter(hub.repositories[mirror].commits.values())) / WEIGHTS
    job = run.start()
    while job.poll() is None and hub.sent[mirror, WEIGHTS] < path.stat().st_size // 2:
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    assert 0 < hub.sent[mirror, WEIGHTS] < path.stat().st_size
    hub.delay = 0.0
    run()
    assert (run.folder / MODELS[0] / WEIGHTS).read_bytes() == path.read_bytes()
    assert hub.sent[mirror, WEIGHTS] < 1.2 * path.stat().st_size
