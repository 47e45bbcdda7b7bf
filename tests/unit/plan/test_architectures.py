"""Networks without weights have the parameters that their checkpoints are known to have."""

import json

import pytest

from toffee.config.models import HubSource
from toffee.plan.architectures import Architectures, parameters
from toffee.runtime.errors import ToffeeError

from .conftest import ZOO, architectures


@pytest.mark.parametrize(("part", "millions"), [("unet", 865.9), ("vae", 83.7)])
def test_stable_diffusion_2_1_has_its_parameters(part, millions):
    network = architectures("paper").build("text_to_image", part)
    assert parameters(network) / 1e6 == pytest.approx(millions, abs=0.1)
    assert {str(parameter.device) for parameter in network.parameters()} == {"meta"}


@pytest.mark.parametrize(
    ("scale", "role", "millions"),
    [
        ("small", "text_to_image", 859.5 + 83.7 + 123.1),
        ("small", "controlnet_depth", 361.3),
        ("turbo", "few_step", 865.9 + 83.7 + 340.4),
        ("paper", "subject_encoder", 304.4),
        ("small", "subject_encoder", 86.6),
        ("paper", "clip", 427.6),
        ("paper", "metric_clip", 151.3),
        ("paper", "segmenter", 312.3),
        ("small", "segmenter", 93.7),
        ("paper", "depth", 24.8),
    ],
)
def test_published_checkpoints_have_theirs(scale, role, millions):
    assert architectures(scale).parameters(role) / 1e6 == pytest.approx(millions, abs=0.2)


@pytest.mark.parametrize("scale", ["small", "paper", "turbo"])
def test_every_checkpoint_of_the_catalogue_is_known(scale):
    known = architectures(scale)
    for role in known.sources:
        drawer = role in ("text_to_image", "few_step")
        assert known.config(role, "unet" if drawer else "")
        if not drawer and role != "controlnet_depth":
            assert 64 <= known.input_side(role) <= 1024


def test_a_downloaded_model_is_believed_first(tmp_path):
    config = json.loads((ZOO / "clip" / "config.json").read_text())
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "config.json").write_text(json.dumps(config | {"projection_dim": 8}))
    assert architectures("tiny", tmp_path).config("clip")["projection_dim"] == 8
    assert architectures("tiny").config("clip") == config


def test_an_unknown_checkpoint_says_what_to_do(tmp_path):
    source = HubSource(repo="some/one", revision="0" * 40, licence="x", files=["*.json"])
    unknown = Architectures({"clip": source}, ZOO, tmp_path)
    with pytest.raises(ToffeeError, match="some/one .role clip. .* run snakemake models first"):
        unknown.config("clip")
