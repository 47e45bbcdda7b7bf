"""The View Generator: what it is shown, on a canvas or by patch tokens alone."""

import pytest
import torch

from toffee.config.settings import Sampling, Training
from toffee.method import view_generator as module
from toffee.method.pair_latents import grey_latents
from toffee.method.view_generator import (
    ViewGenerator,
    draw_view,
    entry_channels,
    pretrain_view_generator,
)
from toffee.models.diffusion import Autoencoder
from toffee.models.unet import load_unet, widen_unet
from toffee.runtime.errors import ToffeeError

TRAINING = {"resolution": 64, "training": Training(1, 2, 1e-3, 0.0), "seed": 0}


def train(zoo, world, out, **switches):
    pretrain_view_generator(
        multiview=world / "multiview",
        text_to_image=zoo / "text_to_image",
        subject_encoder=zoo / "subject_encoder",
        depth_estimator=zoo / "depth",
        out=out,
        **TRAINING,
        **switches,
    )
    return ViewGenerator(out, zoo / "text_to_image")


@pytest.fixture(scope="module")
def base(random_zoo):
    return random_zoo / "text_to_image"


@pytest.fixture(scope="module")
def models(base, tmp_path_factory) -> dict[tuple[bool, bool], ViewGenerator]:
    """Untrained ones by (depth, canvas), whose new channels count."""
    folder, found = tmp_path_factory.mktemp("views"), {}
    autoencoder = Autoencoder(base / "vae")
    for depth in (False, True):
        for canvas in (False, True):
            torch.manual_seed(0)
            extra = entry_channels(autoencoder, depth, canvas)
            unet = widen_unet(load_unet(base / "unet"), extra, 128)
            torch.nn.init.normal_(unet.conv_in.weight, std=0.1)
            path = folder / f"{depth}{canvas}"
            unet.save_pretrained(path)
            found[depth, canvas] = ViewGenerator(path, base)
    return found


@pytest.fixture
def given(base):
    draw = torch.Generator().manual_seed(1)
    shape = Autoencoder(base / "vae").latent_shape(64)
    return {
        "tokens": torch.randn(2, 64, 128, generator=draw),
        "depth": torch.rand(2, 64, 64, generator=draw),
        "noise": torch.randn(2, *shape, generator=draw),
    }


@pytest.fixture
def pictures():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))


def far(a: torch.Tensor, b: torch.Tensor) -> bool:
    return (a - b).abs().max().item() > 1e-3


@pytest.mark.parametrize(("depth", "canvas"), [(d, c) for d in (0, 1) for c in (0, 1)])
def test_it_sees_what_it_has_channels_for(models, given, pictures, depth, canvas):
    model = models[bool(depth), bool(canvas)]
    assert (model.depth, model.canvas) == (bool(depth), bool(canvas))
    sampling, reference = Sampling(2, 1.5), model.reference(pictures)
    assert (reference is not None) == bool(canvas)
    drawn = model.draw(**given, sampling=sampling, reference=reference)
    other = given | {"depth": 1 - given["depth"]}
    assert far(drawn, model.draw(**other, sampling=sampling, reference=reference)) == bool(depth)
    if reference is not None:
        flipped = reference.flip(0)
        assert far(drawn, model.draw(**given, sampling=sampling, reference=flipped))


def test_channels_that_no_view_generator_has_are_an_error(base, tmp_path):
    unet = widen_unet(load_unet(base / "unet"), 3, 128)
    unet.save_pretrained(tmp_path / "views")
    with pytest.raises(ToffeeError, match=r"views: 3 input channels .* one of 0, \d+, 64, \d+$"):
        ViewGenerator(tmp_path / "views", base)


@pytest.mark.parametrize("depth", [False, True])
def test_guidance_on_a_canvas_is_over_a_view_that_shows_nothing(models, given, pictures, depth):
    model = models[depth, True]
    reference, noise = model.reference(pictures), given["noise"]
    grey = grey_latents(model.autoencoder, 64, 64).expand(noise.shape)
    times, pose = torch.full((2,), 999), given["depth"] if depth else None
    with torch.no_grad():
        with_ = draw_view(model.unet, noise, times, given["tokens"], pose, reference, 8)
        none = torch.zeros_like(given["tokens"])
        without = draw_view(model.unet, noise, times, none, pose, grey, 8)
    output = without + 2.5 * (with_ - without)
    model.scheduler.set_timesteps(1)
    latents = model.scheduler.step(output, model.scheduler.timesteps[0], noise).prev_sample
    drawn = model.draw(**given, sampling=Sampling(1, 2.5), reference=reference)
    assert torch.allclose(drawn, model.autoencoder.decode(latents), atol=1e-4)
    single = model.draw(**given, sampling=Sampling(1, 1.0), reference=reference)
    latents = model.scheduler.step(with_, model.scheduler.timesteps[0], noise).prev_sample
    assert torch.allclose(single, model.autoencoder.decode(latents), atol=1e-4)


@pytest.mark.parametrize("reference", ["tokens", "canvas"])
def test_a_training_shows_the_other_frame(
    random_zoo, small_world, tmp_path, monkeypatch, reference
):
    """On a canvas the latents of the frame whose tokens are seen; where tokens are hidden, grey."""
    monkeypatch.setattr(module, "DROP", 0.5)
    torch.manual_seed(0)
    asked, real = [], module.draw_view
    monkeypatch.setattr(
        module, "draw_view", lambda unet, *given: asked.append(given) or real(unet, *given)
    )
    training = Training(4, 8, 1e-3, 0.0)
    monkeypatch.setitem(TRAINING, "training", training)
    model = train(random_zoo, small_world, tmp_path / "views", depth=True, reference=reference)
    assert (model.depth, model.canvas) == (True, reference == "canvas")
    grey = grey_latents(model.autoencoder, 64, 64)[0]
    assert len(asked) == training.steps
    for _noisy, _times, tokens, _depth, shown, _factor in asked:
        if reference == "tokens":
            assert shown is None
            continue
        hidden = ~tokens.flatten(1).any(1)
        empty = torch.tensor([torch.allclose(one, grey, atol=1e-3) for one in shown])
        assert torch.equal(hidden, empty) and hidden.any() and not hidden.all()


def test_training_on_a_canvas_is_the_same_from_a_seed(random_zoo, small_world, tmp_path):
    weights = [
        train(
            random_zoo, small_world, tmp_path / name, depth=True, reference="canvas"
        ).unet.conv_in.weight
        for name in ("a", "b")
    ]
    assert torch.equal(*weights)
