"""Precision, layout, compiler and kernels change how fast a model is, not what it draws."""

import shutil
from dataclasses import replace

import pytest
import torch
from torch import nn

from toffee.config.settings import Sampling
from toffee.method.refiner import Refiner
from toffee.method.view_generator import ViewGenerator
from toffee.models.clip import Clip
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder
from toffee.models.segmenter import load_segmenter
from toffee.models.subject_encoder import SubjectEncoder
from toffee.models.text_to_image import TextToImage
from toffee.models.unet import load_unet, widen_unet
from toffee.runtime.compute import EXACT, Compute, compute, computing, prepare
from toffee.runtime.project import PROJECT
from toffee.training.loop import Schedule, fit

ZOO = PROJECT / "workflow" / "zoo"
BASE = ZOO / "text_to_image"
WORDS = ["a red ball on grass", "a blue mug on sand"]
# bfloat16 has 8 bits: a step of sampling is off by up to 1/256 of a latent.
HALF = {"mean": 0.03, "largest": 0.35}
SAME = {"mean": 1e-5, "largest": 1e-4}


@pytest.fixture(scope="module")
def noise():
    shape = Autoencoder(ZOO / "text_to_image" / "vae").latent_shape(64)
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def depth():
    y = torch.linspace(0, 1, 64)
    return (1 - (y[:, None] - 0.5) ** 2 - (y[None] - 0.5) ** 2).clamp(min=0.6).expand(2, -1, -1)


def drawn(settings, noise, depth):
    with computing(settings):
        return TextToImage(BASE, ZOO / "controlnet_depth").draw(
            WORDS, noise, Sampling(4, 3.0), depth
        )


def close(a, b, mean, largest):
    difference = (a - b).abs()
    return difference.mean() <= mean and difference.max() <= largest


@pytest.mark.parametrize(
    ("change", "tolerance"),
    [
        ({"channels_last": True}, SAME),
        ({"attention": "eager"}, SAME),
        ({"dtype": "bfloat16"}, HALF),
        ({"dtype": "bfloat16", "channels_last": True}, HALF),
    ],
)
def test_the_base_model_draws_the_same_picture(noise, depth, change, tolerance):
    reference = drawn(EXACT, noise, depth)
    other = drawn(replace(EXACT, **change), noise, depth)
    assert other.dtype == torch.float32 and close(reference, other, **tolerance)
    # and the tolerance tells pictures apart
    assert not close(reference, reference.flip(0), **HALF)


def compiler() -> str | None:
    return shutil.which("g++") or shutil.which("clang++")


@pytest.mark.skipif(compiler() is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_model_computes_the_same():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 2, 3)).requires_grad_(False)
    pictures = torch.rand(2, 3, 16, 16)
    expected = model(pictures)
    torch._dynamo.utils.counters.clear()
    with computing(Compute(compile=True)):
        compiled = prepare(model)
    assert torch.allclose(compiled(pictures), expected, atol=1e-5)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_encoders_stay_float32_from_outside_and_give_nearly_the_same():
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    def features():
        encoder, judge = SubjectEncoder(ZOO / "subject_encoder"), Clip(ZOO / "clip")
        return {
            "tokens": encoder.tokens(pictures).flatten(1),
            "clip": judge.images(pictures),
            "text": judge.texts(WORDS),
            "depth": DepthEstimator(ZOO / "depth")(pictures).flatten(1),
        }, encoder.model

    exact, model = features()
    with computing(Compute(dtype="bfloat16", channels_last=True)):
        fast, fast_model = features()
        masks = load_segmenter(ZOO / "segmenter").segment(pictures, ["ball", "mug"])
    assert masks.dtype == torch.bool
    for name, value in exact.items():
        assert fast[name].dtype == torch.float32
        cosine = torch.cosine_similarity(value, fast[name])
        assert (cosine > 0.99).all(), name
    kinds = [next(m.parameters()).dtype for m in (model, fast_model)]
    assert kinds == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_the_generators_draw_nearly_the_same(tmp_path, noise, depth, guidance):
    tokens = torch.randn(2, 64, 128, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(0)
    for name, channels in (("refiner", 128), ("views", 64)):
        widen_unet(load_unet(BASE / "unet"), channels, 128).save_pretrained(tmp_path / name)

    def pictures():
        refined = Refiner(tmp_path / "refiner", BASE).draw(tokens, noise, Sampling(4, guidance))
        views = ViewGenerator(tmp_path / "views", BASE).draw(
            tokens, depth, noise, Sampling(4, guidance)
        )
        return torch.cat([refined, views])

    exact = pictures()
    with computing(Compute(dtype="bfloat16", channels_last=True)):
        assert close(exact, pictures(), **HALF)


def test_guidance_is_that_of_two_forwards(tmp_path, noise):
    """Both at once, in parts on a CPU, is the formula of arXiv 2207.12598 for each row."""
    torch.manual_seed(0)
    widen_unet(load_unet(BASE / "unet"), 64, 128).save_pretrained(tmp_path / "views")
    model = ViewGenerator(tmp_path / "views", BASE)
    rows = noise.repeat(20, 1, 1, 1)  # 80 rows with guidance
    tokens, maps = torch.randn(40, 64, 128), torch.rand(40, 64, 64)

    def predicted(tokens):
        pose = torch.nn.functional.pixel_unshuffle(maps[:, None], 8)
        times = torch.full((40,), 999)
        with torch.no_grad():
            return model.unet(torch.cat([rows, pose], 1), times, tokens).sample

    with_, without = predicted(tokens), predicted(torch.zeros_like(tokens))
    model.scheduler.set_timesteps(1)
    output = without + 1.5 * (with_ - without)
    latents = model.scheduler.step(output, model.scheduler.timesteps[0], rows).prev_sample
    expected = model.autoencoder.decode(latents)
    assert torch.allclose(model.draw(tokens, maps, rows, Sampling(1, 1.5)), expected, atol=1e-4)


def test_settings_end_with_their_block():
    assert compute() == EXACT
    with computing(Compute(dtype="bfloat16")):
        with computing(EXACT):
            assert compute() == EXACT
        assert compute().dtype == "bfloat16"
    assert compute() == EXACT


def test_a_rule_without_the_params_computes_exactly():
    assert Compute.of({"resolution": 64, "code": "0"}) == EXACT
    given = {"dtype": "bfloat16", "channels_last": True, "compile": False, "attention": "eager"}
    assert Compute.of(given | {"seed": 0}) == Compute("bfloat16", True, False, "eager")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_training_keeps_float32_weights_and_computes_as_asked(dtype):
    seen = []
    torch.manual_seed(0)
    model = nn.Linear(8, 8)

    def loss(x):
        out = model(x)
        seen.append(out.dtype)
        return (out.float() - x).square().mean()

    generator = torch.Generator().manual_seed(0)
    with computing(Compute(dtype=dtype)):
        result = fit(
            [model],
            lambda: {"x": torch.randn(16, 8, generator=generator)},
            loss,
            Schedule(40, 16, 0.05, ema=0.9),
            "numbers",
        )
    # float16 would need scaled losses: a training stays in float32 there
    assert set(seen) == {torch.bfloat16 if dtype == "bfloat16" else torch.float32}
    assert model.weight.dtype == torch.float32
    assert result.losses[-1] < result.losses[0] / 4


def test_tf32_is_for_what_draws_and_not_for_what_measures():
    """Torch multiplies in TF32 inside convolutions unless it is told not to."""

    def precisions() -> set[str]:
        backends = torch.backends
        return {backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision}

    with computing(EXACT):
        prepare(nn.Linear(2, 2))
        assert precisions() == {"ieee"}
        with computing(Compute(dtype="bfloat16", tf32=True)):
            assert precisions() == {"tf32"}
        assert precisions() == {"ieee"}
    with computing(Compute(tf32=True)):
        layer = prepare(nn.Linear(2, 2))
        assert layer.forward.__func__ is nn.Linear.forward, "nothing to convert"
