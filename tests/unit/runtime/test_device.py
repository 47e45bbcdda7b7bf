"""On a GPU, which need not be there: fake tensors have devices and shapes, and no numbers.

They refuse to mix devices as real ones do.
"""

import json
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, ModelMixin
from safetensors.torch import save_file
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from transformers import PreTrainedModel

from toffee.config.settings import Sampling
from toffee.method.refiner import Refiner
from toffee.method.toffeenet import CONFIG, WEIGHTS, ToffeeNet
from toffee.method.view_generator import ViewGenerator
from toffee.models.clip import Clip
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder
from toffee.models.semantic_segmenter import SemanticSegmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextToImage
from toffee.models.unet import add_subject_attention, load_unet, widen_unet
from toffee.runtime import device as module
from toffee.runtime.device import device
from toffee.synthesis.edits import redraw


def gpus(count: int) -> SimpleNamespace:
    cuda = SimpleNamespace(is_available=lambda: count > 0, device_count=lambda: count)
    return SimpleNamespace(cuda=cuda, device=torch.device)


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert device() == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(module, "torch", gpus(0))
    assert device() == torch.device("cpu")
    monkeypatch.setattr(module, "torch", gpus(4))
    assert device() == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device() == torch.device("cuda:3")
    monkeypatch.setattr(module, "torch", gpus(1))  # where a task sees its own GPU alone
    assert device() == torch.device("cuda:0")


@pytest.fixture
def gpu(monkeypatch, request):
    """A machine with another device than the CPU; what is drawn there has no numbers."""
    # Without CUDA, torch has no fake tensors on a GPU that it could compute with.
    fake = SimpleNamespace(cuda=gpus(1).cuda, device=lambda *name: torch.device("meta"))
    monkeypatch.setattr(module, "torch", fake)
    for kind in (ModelMixin, PreTrainedModel):  # files are read as real tensors
        read = kind.from_pretrained.__func__

        def really(cls, *args, read=read, **options):
            with unset_fake_temporarily():
                return read(cls, *args, **options)

        monkeypatch.setattr(kind, "from_pretrained", classmethod(really))
    # Fake times cannot be looked up in the schedule.
    step = lambda self, output, time, latents: SimpleNamespace(prev_sample=latents + output)  # noqa: E731
    monkeypatch.setattr(DDIMScheduler, "step", step)
    # What moves to the device becomes a fake there, which takes the place of the real parameter.
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    request.addfinalizer(lambda: torch.__future__.set_overwrite_module_params_on_conversion(before))
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


PICTURES = (2, 3, 64, 64)
WORDS = ["a ball", "a mug"]


def test_it_is_an_error_to_mix_devices(gpu):
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device=device()) + torch.zeros(2)


def test_encoders_take_and_give_what_is_on_the_cpu(gpu, random_zoo):
    pictures = torch.rand(PICTURES)
    encoder, judge = SubjectEncoder(random_zoo / "subject_encoder"), Clip(random_zoo / "clip")
    autoencoder = Autoencoder(random_zoo / "text_to_image" / "vae")
    latents = autoencoder.encode(pictures)
    given = [
        *encoder.encode(pictures),
        latents,
        autoencoder.decode(latents),
        judge.images(pictures),
        judge.texts(WORDS),
        DepthEstimator(random_zoo / "depth")(pictures),
        SemanticSegmenter(random_zoo / "segmenter").segment(pictures, ["ball", "mug"]),
    ]
    assert [value.device.type for value in given] == ["cpu"] * len(given)
    models = (encoder.model, judge.model, autoencoder.model)
    assert {next(model.parameters()).device for model in models} == {device()}


@pytest.fixture
def noise(gpu, random_zoo) -> torch.Tensor:
    shape = Autoencoder(random_zoo / "text_to_image" / "vae").latent_shape(64)
    return torch.randn(2, *shape)


def drawn_on(pictures: torch.Tensor, unet: torch.nn.Module) -> bool:
    assert pictures.shape == PICTURES
    return pictures.device.type == "cpu" and next(unet.parameters()).device == device()


def test_the_base_model_draws_and_edits_on_the_gpu(gpu, random_zoo, noise):
    model = TextToImage(random_zoo / "text_to_image", random_zoo / "controlnet_depth")
    depth = torch.rand(2, 64, 64)
    assert drawn_on(model.draw(WORDS, noise, Sampling(2, 3.0), depth), model.unet)
    mask = torch.ones(2, 64, 64, dtype=torch.bool)
    pictures = torch.rand(PICTURES)
    edited = redraw(model, pictures, mask, WORDS, depth, noise, Sampling(4, 3.0), 0.5)
    assert drawn_on(edited, model.unet)


def widened(base, *channels: int) -> torch.nn.Module:
    with unset_fake_temporarily():
        return widen_unet(load_unet(base / "unet"), *channels)


@pytest.mark.parametrize("change", [False, True])
def test_the_refiner_draws_on_the_gpu(gpu, random_zoo, noise, monkeypatch, change):
    base = random_zoo / "text_to_image"
    unet = widened(base, 128, 128)
    monkeypatch.setattr("toffee.method.refiner.load_unet", lambda folder: unet)
    model, initial = Refiner(base, base), torch.rand(PICTURES)
    mask = torch.ones(2, 1, 64, 64, dtype=torch.bool) if change else None
    tokens = torch.rand(2, 64, 128)
    assert drawn_on(model.draw(tokens, noise, Sampling(4, 2.0), initial, 0.5, mask), model.unet)


@pytest.mark.parametrize("canvas", [False, True])
def test_the_view_generator_draws_on_the_gpu(gpu, random_zoo, noise, monkeypatch, canvas):
    base = random_zoo / "text_to_image"
    unet = widened(base, 64 + canvas * noise.shape[1], 128)
    monkeypatch.setattr("toffee.method.view_generator.load_unet", lambda folder: unet)
    model = ViewGenerator(base, base)
    depth, tokens = torch.rand(2, 64, 64), torch.rand(2, 64, 128)
    seen = model.reference(torch.rand(PICTURES))
    assert drawn_on(model.draw(tokens, depth, noise, Sampling(2, 2.0), seen), model.unet)


def test_toffeenet_draws_and_edits_on_the_gpu(gpu, random_zoo, noise, tmp_path):
    base = random_zoo / "text_to_image"
    unet = widened(base, 64 + noise.shape[1] + 64)
    with unset_fake_temporarily():
        add_subject_attention(unet, 128, 64)
        unet.save_config(tmp_path)
        save_file(unet.state_dict(), tmp_path / WEIGHTS)
        settings = {
            "token_width": 128,
            "tokens": 64,
            "depth": True,
            "segmented": True,
            "reference": "tokens",
        }
        (tmp_path / CONFIG).write_text(json.dumps(settings))
        model = ToffeeNet(tmp_path, base, random_zoo / "subject_encoder")
    pictures, masks = torch.rand(PICTURES), torch.ones(2, 64, 64, dtype=torch.bool)
    tokens = model.tokens(pictures, masks)
    assert drawn_on(model.draw(WORDS, tokens, noise, Sampling(2, 2.0)), model.unet)
    edited = model.draw(
        WORDS,
        tokens,
        noise,
        Sampling(2, 2.0),
        picture=pictures,
        mask=masks,
        depth=torch.rand(2, 64, 64),
    )
    assert drawn_on(edited, model.unet)
