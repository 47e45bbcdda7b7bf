"""A download that is killed goes on where it was, however often."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from server import Hub

from toffee.runtime.files import file_digest

PROJECT = Path(__file__).parents[2]
COMMIT = "c" * 40
SIZES = {"a.safetensors": 1_500_000, "b.safetensors": 2_500_000, "c.safetensors": 6_000_000}
KILLS = 20
PROGRAM = """
import sys
from toffee.download.model import fetch_model
from toffee.download.fetch import remove_work
source = {"repo": "o/m", "revision": "c" * 40, "files": ["*.safetensors", "*.json"]}
print("ready", flush=True)
fetch_model(role="model", source=source, zoo="", lock=sys.argv[1], out=sys.argv[2])
remove_work(sys.argv[2])
assert "torch" not in sys.modules
"""


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    for number, (name, size) in enumerate(SIZES.items()):
        (folder / name).write_bytes(np.random.default_rng(number).bytes(size))
    (folder / "config.json").write_text("{}")
    # 611 blocks of 16 KiB: about 3 s in all.
    with Hub(delay=0.005) as running:
        running.add("o/m", folder, COMMIT)
        yield running


def test_twenty_kills_cost_no_file_twice(hub, tmp_path):
    """Killed (SIGKILL) at 20 random moments of the transfer, the download ends with the right
    digests, leaves nothing behind, and no large file was sent more than 1.5 times in all.

    A kill loses what was on the wire: the hub counts blocks of 16 KiB when it hands them to the
    system, so a few of them are lost with each kill. Sent twice in full would be 2 times.
    """
    generator = random.Random(0)
    out, lock = tmp_path / "models" / "model", tmp_path / "models.lock.yaml"
    environment = os.environ | hub.environment(tmp_path / "hf")
    environment["PYTHONPATH"] = str(PROJECT / "workflow")
    command = [sys.executable, "-c", PROGRAM, str(lock), str(out)]
    moments = []
    for _ in range(KILLS):
        before = sum(hub.sent.values())
        # After a random number of bytes, so that a slow machine gets as far between two kills.
        moment = before + generator.randint(0, sum(SIZES.values()) // KILLS)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as job:
            assert job.stdout.readline() == "ready\n"
            while job.poll() is None and sum(hub.sent.values()) < moment:
                time.sleep(0.001)
            job.kill()
        assert job.wait() == -signal.SIGKILL
        assert not out.exists() and not lock.exists()
        moments.append(sum(hub.sent.values()))
    subprocess.run(command, env=environment, check=True)
    assert len(set(moments)) > KILLS // 2
    for name, size in SIZES.items():
        assert file_digest(out / name) == file_digest(tmp_path / "served" / name)
        assert size <= hub.sent["o/m", name] < 1.5 * size, name
    assert [path.name for path in out.parent.iterdir()] == ["model"]
    locked = yaml.safe_load(lock.read_text())["files"][f"o/m@{COMMIT}"]
    assert {name: entry["sha256"] for name, entry in locked.items()} == {
        path.name: file_digest(path) for path in out.iterdir()
    }
    print({name: hub.sent["o/m", name] / size for name, size in SIZES.items()})
