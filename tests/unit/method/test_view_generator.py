"""The View Generator: what it is shown, on a canvas or by patch tokens alone."""

from types import SimpleNamespace

import pytest
import torch

from toffee.config.settings import Sampling, Training
from toffee.data.loaders.images import stack_images
from toffee.data.loaders.multiview import load_multiview
from toffee.method import view_generator as module
from toffee.method.pair_latents import grey_latents
from toffee.method.view_generator import (
    ViewGenerator,
    draw_view,
    entry_channels,
    pretrain_view_generator,
)
from toffee.models.diffusion import Autoencoder
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.unet import load_unet, unshuffle, widen_unet
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


def test_channels_that_two_view_generators_have_are_an_error_before_the_training(
    random_zoo, small_world, tmp_path, monkeypatch
):
    """As with an autoencoder whose latents have as many channels as a patch has pixels."""
    monkeypatch.setattr(module, "entry_channels", lambda _, depth, canvas: 64 * (depth + canvas))
    with pytest.raises(ToffeeError, match=r"views: 64 input channels .* one of 0, 64, 64, 128$"):
        train(random_zoo, small_world, tmp_path / "views", depth=True, reference="tokens")
    assert not list(tmp_path.iterdir())


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


def nearest(row: torch.Tensor, rows: torch.Tensor) -> int:
    """Which of the rows is most like this one."""
    return (rows - row).square().flatten(1).mean(1).argmin().item()


@pytest.mark.parametrize("reference", ["tokens", "canvas"])
def test_a_training_shows_the_other_frame(
    random_zoo, small_world, tmp_path, monkeypatch, reference
):
    """On a canvas the latents of the frame whose tokens are seen, never those of the frame that is
    learnt; where tokens are hidden, grey."""
    monkeypatch.setattr(module, "DROP", 0.5)
    torch.manual_seed(0)
    asked, learnt = [], []
    real, loss = module.draw_view, module.diffusion_loss
    monkeypatch.setattr(
        module, "draw_view", lambda unet, *given: asked.append(given) or real(unet, *given)
    )
    monkeypatch.setattr(
        module,
        "diffusion_loss",
        lambda predict, clean, *rest, **more: (
            learnt.append(clean) or loss(predict, clean, *rest, **more)
        ),
    )
    training = Training(4, 8, 1e-3, 0.0)
    monkeypatch.setitem(TRAINING, "training", training)
    model = train(random_zoo, small_world, tmp_path / "views", depth=True, reference=reference)
    assert (model.depth, model.canvas) == (True, reference == "canvas")
    grey = grey_latents(model.autoencoder, 64, 64)[0]
    sequences = load_multiview(small_world / "multiview")
    frames = [frame for sequence in sequences for frame in sequence.frames]
    of = [place for place, sequence in enumerate(sequences) for _ in sequence.frames]
    pictures = stack_images(frames, 64)
    latents = model.autoencoder.encode(pictures)
    every = SubjectEncoder(random_zoo / "subject_encoder").tokens(pictures)
    assert len(asked) == len(learnt) == training.steps
    for (_noisy, _times, tokens, _depth, shown, _factor), clean in zip(asked, learnt, strict=True):
        hidden = ~tokens.flatten(1).any(1)
        assert hidden.any() and not hidden.all()
        for row in (~hidden).nonzero().flatten().tolist():
            seen, drawn = nearest(tokens[row], every), nearest(clean[row], latents)
            assert seen != drawn and of[seen] == of[drawn]
            assert shown is None or nearest(shown[row], latents) == seen
        if reference == "tokens":
            assert shown is None
            continue
        empty = torch.tensor([torch.allclose(one, grey, atol=1e-3) for one in shown])
        assert torch.equal(hidden, empty)


def test_of_the_picture_to_draw_nothing_is_given(models, given, pictures):
    """The channels that hold what is given are empty on the left, and are the reference's on the
    right, whose other input, depth, is empty."""
    model = models[True, True]
    seen, reference, noise = [], model.reference(pictures), given["noise"]

    def forward(entry: torch.Tensor, times: torch.Tensor, states: torch.Tensor) -> SimpleNamespace:
        seen.append(entry)
        return SimpleNamespace(sample=entry[:, : noise.shape[1]])

    times, pose = torch.full((2,), 999), given["depth"]
    draw_view(forward, noise, times, given["tokens"], pose, reference, 8)
    left, right = seen[0].chunk(2, 3)
    channels = [noise.shape[1], 64, noise.shape[1]]  # latents, depth, what is given
    for half, expected in (
        (left, (noise, unshuffle(pose, 8), torch.zeros_like(noise))),
        (right, (reference, torch.zeros_like(unshuffle(pose, 8)), reference)),
    ):
        for found, one in zip(half.split(channels, 1), expected, strict=True):
            assert torch.equal(found, one)


def test_training_on_a_canvas_is_the_same_from_a_seed(random_zoo, small_world, tmp_path):
    weights = [
        train(
            random_zoo, small_world, tmp_path / name, depth=True, reference="canvas"
        ).unet.conv_in.weight
        for name in ("a", "b")
    ]
    assert torch.equal(*weights)
