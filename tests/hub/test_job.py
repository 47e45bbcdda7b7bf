"""The job of rule `download_model`: what it takes from the configuration, and what it leaves."""

import json
import os
from pathlib import Path

import pytest
import yaml

from toffee.download import model
from toffee.download.lock import read_lock
from toffee.launch.rerun import rerun
from toffee.provenance.record import Recorder

MIRROR, OTHER = "someone/mirror", "b" * 40
WEIGHTS = "model.safetensors"
OUT = "results/tiny/models/clip"
SOURCE = {"repo": "owner/gone", "revision": "a" * 40, "files": [WEIGHTS], "subfolder": None}

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture
def run(hub, tmp_path, monkeypatch):
    """The job, in a project of its own whose catalogue has a mirror of the role."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / WEIGHTS).write_bytes(bytes(300_000))
    hub.add(MIRROR, tmp_path / "served", OTHER)
    project = tmp_path / "project"
    (project / "config").mkdir(parents=True)
    catalogue = yaml.safe_load((Path(__file__).parents[2] / "config/models.yaml").read_text())
    mirrors = [{"repo": MIRROR, "revision": OTHER}]
    catalogue["tiny"]["clip"] = SOURCE | {"mirrors": mirrors, "licence": "mit"}
    (project / "config" / "other.yaml").write_text(yaml.safe_dump(catalogue))
    monkeypatch.chdir(project)
    monkeypatch.setattr(model, "PROJECT", project)
    models = {"catalogue": "config/other.yaml", "set": "tiny", "lock": "locks/models.yaml"}
    record = {
        "rule": "download_model",
        "input": {"zoo": []},
        "output": {"out": OUT},
        "params": {
            "function": "toffee.download.model.download_model",
            "source": SOURCE,
            "digests": {},
            "zoo": "zoo",
        },
        "wildcards": {"role": "clip"},
        "threads": 1,
        "log": "results/tiny/logs/download_model/clip.log",
    }
    for name, content in {"record": record, "config": {"models": models}}.items():
        Path(f"{name}.json").write_text(json.dumps(content))
    environment = dict(os.environ)
    yield lambda: rerun("record.json", "config.json")
    os.environ.clear()
    os.environ.update(environment)  # a job sets its own threads and loading bars


def test_mirrors_and_the_lock_are_the_configurations(run):
    run()
    assert [path.name for path in Path(OUT).parent.iterdir()] == ["clip"]
    assert set(read_lock("locks/models.yaml").files) == {f"owner/gone@{'a' * 40}"}


def test_a_job_that_fails_behind_its_download_fetches_nothing_again(hub, run, monkeypatch):
    def fail(self):
        raise OSError("the record cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "finish", fail)
        with pytest.raises(OSError, match="cannot be written"):
            run()
    model.shutil.rmtree(OUT)  # as Snakemake does
    run()
    assert hub.sent[MIRROR, WEIGHTS] == 300_000
    assert [path.name for path in Path(OUT).parent.iterdir()] == ["clip"]
