"""Fine-tuning for one subject: it learns the subject, and nothing of it stays behind."""

from dataclasses import replace

import pytest
import torch
from closeness import differ

from toffee.config.settings import Drawing, Sampling, Tuning
from toffee.method.dreambooth import DreamBooth
from toffee.runtime.compute import Compute, computing
from toffee.runtime.seeds import noise

TUNING = Tuning(
    steps=3,
    batch=2,
    learning_rate=1e-3,
    constant_rate=False,
    prior_images=3,
    prior_weight=1.0,
    guidance=3.0,
)


def booth(random_zoo, tuning: Tuning = TUNING) -> DreamBooth:
    return DreamBooth(
        random_zoo / "text_to_image", tuning, Drawing(64, 2, 95), Sampling(2, 2.0), seed=5
    )


def weights(model: DreamBooth) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.model.unet.parameters()])


def photos(number: int, count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(number))


def test_a_subject_is_tuned_the_same_whatever_came_before(random_zoo):
    model = booth(random_zoo)
    base = weights(model)
    model.tune("one", "ball", photos(1))
    first = weights(model)
    model.tune("two", "mug", photos(2))
    assert not torch.equal(first, base) and not torch.equal(weights(model), first)
    model.reset()
    assert torch.equal(weights(model), base)
    fresh = booth(random_zoo)
    fresh.tune("one", "ball", photos(1))
    assert torch.equal(weights(fresh), first)


def test_pictures_of_a_class_come_from_the_base_model_and_once(random_zoo, monkeypatch):
    model = booth(random_zoo)
    drawn = []
    draw = DreamBooth.draw
    monkeypatch.setattr(
        DreamBooth,
        "draw",
        lambda self, texts, start: drawn.append(texts) or draw(self, texts, start),
    )
    model.tune("one", "ball", photos(1))
    model.tune("two", "ball", photos(2))
    assert drawn == [["a ball"] * 2, ["a ball"]]  # 3 pictures in batches of 2, for both subjects


def test_only_the_tuned_model_draws_with_its_own_guidance(random_zoo, monkeypatch):
    model = booth(random_zoo)
    guidance = []
    draw = model.model.draw
    monkeypatch.setattr(
        model.model, "draw", lambda *given: guidance.append(given[-1].guidance) or draw(*given)
    )
    start = noise([1], model.latent_shape)
    model.draw(["a ball"], start)
    model.tune("one", "ball", photos(1))  # draws the class
    model.draw(["a ball"], start)
    model.tune("two", "mug", photos(2))
    model.reset()
    model.draw(["a ball"], start)
    assert guidance == [2.0] + [2.0, 2.0] + [3.0] + [2.0, 2.0] + [2.0]


@pytest.mark.parametrize("channels_last", [False, True])
def test_in_mixed_precision_it_gives_float32(random_zoo, channels_last):
    with computing(Compute(dtype="bfloat16", channels_last=channels_last)):
        model = booth(random_zoo)
        model.tune("one", "ball", photos(1))
        drawn = model.draw(["a ball"], noise([1], model.latent_shape))
    assert drawn.dtype == torch.float32 and torch.isfinite(drawn).all()
    assert all(p.dtype == torch.float32 for p in model.model.unet.parameters())


def test_longer_tuning_fits_the_photos_better(random_zoo):
    model = booth(random_zoo, replace(TUNING, steps=30, prior_weight=0.0))
    losses = model.tune("one", "ball", photos(1, 1))
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


def test_the_loss_is_the_photos_and_the_weighted_prior(random_zoo):
    first = [
        booth(random_zoo, replace(TUNING, steps=1, prior_weight=weight)).tune(
            "a", "ball", photos(1)
        )
        for weight in (0.0, 1.0, 2.0)
    ]
    own, both, twice = (losses[0] for losses in first)
    assert both > own > 0 and twice - both == pytest.approx(both - own, rel=1e-4)


def test_the_unique_token_names_the_subject(random_zoo):
    from toffee.data.loaders.dreambench import UNIQUE_TOKEN

    model = booth(random_zoo)
    start = noise([1], model.latent_shape)
    model.tune("one", "ball", photos(1))
    named, plain = (model.draw([text], start) for text in (f"a {UNIQUE_TOKEN} ball", "a ball"))
    assert differ(named, plain)


def test_the_published_rate_is_constant():
    from toffee.training.loop import Schedule

    constant, falling = (Schedule(1000, 1, 5e-6, constant=constant) for constant in (True, False))
    assert {constant.rate(step) for step in range(1000)} == {1.0}
    assert sum(falling.rate(step) for step in range(1000)) < 550


@pytest.mark.parametrize("count", [1, 5])
def test_any_number_of_photos_will_do(random_zoo, count):
    assert len(booth(random_zoo).tune("one", "ball", photos(1, count))) == TUNING.steps
