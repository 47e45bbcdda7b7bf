"""A hub on loopback, and this process led to it."""

import sys
from pathlib import Path

import pytest

# Test modules are no package; these are also imported by the scripts that tests run.
sys.path.insert(0, str(Path(__file__).parent))

from server import Hub  # noqa: E402


@pytest.fixture
def hub():
    """A hub that serves nothing yet."""
    with Hub() as running:
        yield running


@pytest.fixture
def client(hub, tmp_path, monkeypatch):
    """huggingface_hub, in this process, asks the hub on loopback; its home is `tmp_path / "hf"`."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    for name, value in hub.environment(tmp_path / "hf").items():
        monkeypatch.setenv(name, value)
    # Read from the environment when the library was imported.
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    close_session()
    yield
    close_session()
