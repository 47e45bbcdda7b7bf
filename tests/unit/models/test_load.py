"""What a folder has to hold before a network comes out of it."""

import json
import shutil

import diffusers
import pytest
import transformers
from safetensors.torch import load_file, save_file

from toffee.models.load import load_model
from toffee.runtime.errors import ToffeeError

KINDS = {
    "text_to_image/vae": diffusers.AutoModel,
    "text_to_image/unet": diffusers.UNet2DConditionModel,
    "text_to_image/text_encoder": transformers.CLIPTextModel,
    "metric_dino": transformers.AutoModel,
    "depth": transformers.AutoModelForDepthEstimation,
}


@pytest.fixture(params=KINDS)
def folder(request, random_zoo, tmp_path):
    shutil.copytree(random_zoo / request.param, tmp_path / "model")
    return KINDS[request.param], tmp_path / "model"


def weights(folder):
    (path,) = folder.glob("*.safetensors")
    return path, load_file(path)


def prints(state):
    """Shapes and sums: names are other ones in a file than in its network."""
    return {(tuple(value.shape), float(value.double().sum())) for value in state.values()}


def test_a_whole_network_is_frozen_and_has_the_files_numbers(folder):
    kind, place = folder
    model, (_, state) = load_model(kind, place), weights(place)
    assert prints(state) <= prints(model.state_dict()) and len(prints(state)) > 10
    assert not model.training and not any(p.requires_grad for p in model.parameters())


def test_a_missing_weight_is_no_random_one(folder):
    kind, place = folder
    path, state = weights(place)
    name = sorted(name for name in state if not name.startswith("pooler."))[0]
    del state[name]
    save_file(state, path, {"format": "pt"})
    with pytest.raises(ToffeeError, match=f"{place}: the weights lack .*{name.split('.')[-2]}"):
        load_model(kind, place)


def test_weights_of_other_shapes_are_one_line(folder):
    kind, place = folder
    path, state = weights(place)
    name = max(state, key=lambda one: state[one].numel())
    state[name] = state[name].flatten()[:-1].contiguous()
    save_file(state, path, {"format": "pt"})
    with pytest.raises(ToffeeError, match=f"^{place}: expected a .*in hub layout") as raised:
        load_model(kind, place)
    assert "\n" not in str(raised.value)


def test_what_is_no_model_is_one_line(folder):
    kind, place = folder
    (place / "config.json").write_text(json.dumps({"_class_name": "Nothing"}))
    with pytest.raises(ToffeeError, match=f"^{place}: expected a .*in hub layout"):
        load_model(kind, place)
